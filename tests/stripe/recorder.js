// Proxy in front of the simulator that records the requests to the API and its answers.

import { createServer, request as ask } from 'node:http';

/** Starts the proxy; returns its address, and the requests and answers so far. */
export async function record(url) {
  const { hostname, port } = new URL(url);
  const requests = [];
  const answers = [];
  const server = createServer((request, answer) => {
    const { method, url: path, headers } = request;
    const onward = ask({ hostname, port, method, path, headers }, (from) => {
      const chunks = [];
      from.on('data', (chunk) => chunks.push(chunk));
      from.on('end', () => {
        const body = Buffer.concat(chunks);
        if (path.startsWith('/v1/')) {
          answers.push({ where: `${method} ${path.split('?')[0]}: ${from.statusCode}`, text: body.toString() });
        }
        answer.writeHead(from.statusCode, from.headers);
        answer.end(body);
      });
    });
    onward.on('error', (error) => answer.destroy(error));
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const [place, query = ''] = path.split('?');
      if (place.startsWith('/v1/')) requests.push({ method, path: place, query, body: Buffer.concat(chunks).toString() });
    });
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, requests, answers, server };
}
