"""Answers every request at once with as many bytes as a hold has: what the client reaches at most. Run by itself, it
prints its port and serves until it is ended."""

import select
import socket

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 330\r\n\r\n" + b"x" * 330


def serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    print(listener.getsockname()[1], flush=True)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    open_sockets = {}
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                open_sockets[sock.fileno()] = sock
                poll.register(sock.fileno(), select.EPOLLIN)
                continue
            sock = open_sockets[number]
            # The client sends one request in one piece and waits for its answer.
            if sock.recv(65_536):
                sock.sendall(ANSWER)
            else:
                poll.unregister(number)
                open_sockets.pop(number).close()


if __name__ == "__main__":
    serve()
