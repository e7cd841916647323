#!/usr/bin/env python3
"""The flows of flows/, as users of the Python SDK write them. STRIPE_SIMULATOR says where the simulator is."""

import os
import sys
import threading
import unittest
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe
from browser import card, open_page

# Seconds that an event may take to be delivered; one takes a few milliseconds.
PATIENCE = 15
THANKS = "https://shop.example/thanks"


class Deliveries:
    """An endpoint of our own, which checks what is delivered with the SDK's own code."""

    def __init__(self):
        self.all, self.refused, self.arrived = [], [], threading.Condition()
        deliveries = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                deliveries.take(body, self.headers["Stripe-Signature"])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_port}/webhooks"
        # What is delivered before this is known waits.
        with self.arrived:
            created = stripe.WebhookEndpoint.create(url=url, enabled_events=["*"], api_version="2026-10-28.endive")
            self.secret = created.secret

    def take(self, body, signature):
        with self.arrived:
            try:
                self.all.append((stripe.Webhook.construct_event(body, signature, self.secret), body, signature))
            except Exception as error:
                self.refused.append(error)
            self.arrived.notify_all()

    def about(self, kind, suits=lambda thing: True):
        """The first event of a type about something; waits for it."""
        fits = lambda: next((each for each in self.all if each[0].type == kind and suits(each[0].data.object)), None)
        with self.arrived:
            found = self.arrived.wait_for(fits, PATIENCE)
        assert found, f"no {kind} was delivered that suits"
        return found

    def types(self, suits):
        with self.arrived:
            return [event.type for event, _, _ in self.all if suits(event.data.object)]


def seconds(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


def day(instant):
    return datetime.fromtimestamp(instant, timezone.utc).strftime("%Y-%m-%d")


def price(name, cents, interval="month"):
    product = stripe.Product.create(name=name)
    recurring = {"recurring": {"interval": interval}} if interval else {}
    return stripe.Price.create(product=product.id, currency="usd", unit_amount=cents, **recurring)


def attach_default(customer, method):
    """Lets a customer pay with another card from now on."""
    attached = stripe.PaymentMethod.attach(method, customer=customer.id)
    stripe.Customer.modify(customer.id, invoice_settings={"default_payment_method": attached.id})


def customer_with(method="pm_card_visa", **more):
    customer = stripe.Customer.create(email="ada@example.com", name="Ada", **more)
    attach_default(customer, method)
    return customer


def clock_at(text):
    return stripe.test_helpers.TestClock.create(frozen_time=seconds(text), name="judged")


def advance(clock, instant):
    clock.advance(frozen_time=instant if isinstance(instant, int) else seconds(instant))
    for _ in range(1000):
        now = stripe.test_helpers.TestClock.retrieve(clock.id)
        if now.status == "ready":
            return
        assert now.status == "advancing", now.status
    raise AssertionError(f"{clock.id} does not get ready")


def open_subscription(start):
    """Subscribes a customer on a clock of their own to a plan."""
    clock = clock_at(start)
    customer = customer_with(test_clock=clock.id)
    plan = price("Creator", 1200)
    subscription = stripe.Subscription.create(customer=customer.id, items=[{"price": plan.id}])
    assert subscription.status == "active", subscription.status
    return clock, customer, plan, subscription


def buy_pack(number):
    """Buys a pack with a card; returns the charge."""
    pack = price("1,000 credits", 1500, None)
    session = stripe.checkout.Session.create(
        mode="payment", line_items=[{"price": pack.id, "quantity": 1}], success_url=THANKS
    )
    open_page(session.url).press("Pay", {"email": "ada@example.com", **card(number)})
    done = stripe.checkout.Session.retrieve(session.id, expand=["payment_intent.latest_charge"])
    assert done.payment_status == "paid", done.payment_status
    return done.payment_intent.latest_charge


class Flows(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        stripe.api_key = "sk_test_judges_python"
        stripe.api_base = os.environ["STRIPE_SIMULATOR"]
        stripe.max_network_retries = 0
        cls.deliveries = Deliveries()

    def tearDown(self):
        self.assertEqual(self.deliveries.refused, [])

    def about(self, kind, suits=lambda thing: True):
        return self.deliveries.about(kind, suits)[0]

    def test_a_lookup_key_is_handed_over(self):
        product = stripe.Product.create(name="Pro")
        made = lambda **more: stripe.Price.create(
            product=product.id,
            currency="usd",
            unit_amount=2900,
            recurring={"interval": "month"},
            lookup_key="judged_python",
            **more,
        )
        first = made()
        self.assertRaises(stripe.InvalidRequestError, made)
        second = made(transfer_lookup_key=True)
        found = stripe.Price.list(lookup_keys=["judged_python"], expand=["data.product"])
        self.assertEqual([(each.id, each.product.name) for each in found.data], [(second.id, "Pro")])
        self.assertIsNone(stripe.Price.retrieve(first.id).lookup_key)

    def test_a_plan_is_bought_on_the_hosted_page(self):
        plan = price("Creator", 1200)
        customer = stripe.Customer.create(email="ada@example.com")
        session = stripe.checkout.Session.create(
            mode="subscription",
            customer=customer.id,
            client_reference_id="ws_7",
            line_items=[{"price": plan.id, "quantity": 1}],
            success_url=THANKS + "?session={CHECKOUT_SESSION_ID}",
            cancel_url="https://shop.example/plans",
        )
        declined = open_page(session.url).press("Subscribe", card("4000000000000002"))
        self.assertRegex(declined.text, "(?i)declined")
        self.assertEqual(declined.press("Subscribe", card("4242424242424242")), f"{THANKS}?session={session.id}")
        done = stripe.checkout.Session.retrieve(session.id, expand=["subscription.latest_invoice"])
        self.assertEqual((done.status, done.payment_status), ("complete", "paid"))
        self.assertEqual(done.subscription.status, "active")
        self.assertEqual(done.subscription.latest_invoice.amount_paid, 1200)
        event, body, signature = self.deliveries.about("checkout.session.completed", lambda each: each.id == session.id)
        self.assertEqual(event.data.object.client_reference_id, "ws_7")
        self.assertEqual(event.api_version, "2026-10-28.endive")
        changed = body.replace(b"ws_7", b"ws_8")
        self.assertNotEqual(changed, body)
        with self.assertRaises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(changed, signature, self.deliveries.secret)
        paid = self.about("invoice.paid", lambda each: each.customer == customer.id)
        self.assertEqual(paid.data.object.billing_reason, "subscription_create")

    def test_a_pack_is_bought_once(self):
        charge = buy_pack("4242 4242 4242 4242")
        self.assertEqual((charge.amount, charge.paid, charge.status), (1500, True, "succeeded"))

    def test_an_upgrade_starts_a_new_cycle_and_is_paid_in_full(self):
        clock, _, _, subscription = open_subscription("2026-03-01T00:00:00")
        dearer = price("Pro", 2900)
        advance(clock, "2026-03-11T12:00:00")
        upgraded = stripe.Subscription.modify(
            subscription.id,
            items=[{"id": subscription["items"].data[0].id, "price": dearer.id}],
            billing_cycle_anchor={"type": "now"},
            proration_behavior="none",
            payment_behavior="pending_if_incomplete",
            expand=["latest_invoice"],
        )
        item = upgraded["items"].data[0]
        self.assertEqual((item.price.id, upgraded.pending_update), (dearer.id, None))
        self.assertEqual((day(item.current_period_start), day(item.current_period_end)), ("2026-03-11", "2026-04-11"))
        self.assertEqual(upgraded.latest_invoice.amount_paid, 2900)

    def test_an_upgrade_that_is_declined_waits_until_it_is_paid(self):
        _, customer, plan, subscription = open_subscription("2026-03-01T00:00:00")
        dearer = price("Pro", 2900)
        attach_default(customer, "pm_card_chargeCustomerFail")
        waiting = stripe.Subscription.modify(
            subscription.id,
            items=[{"id": subscription["items"].data[0].id, "price": dearer.id}],
            billing_cycle_anchor={"type": "now"},
            proration_behavior="none",
            payment_behavior="pending_if_incomplete",
        )
        self.assertEqual((waiting.status, waiting["items"].data[0].price.id), ("active", plan.id))
        self.assertEqual(waiting.pending_update.subscription_items[0].price.id, dearer.id)
        with self.assertRaises(stripe.CardError) as caught:
            stripe.Invoice.pay(waiting.latest_invoice)
        self.assertEqual(caught.exception.code, "card_declined")
        attach_default(customer, "pm_card_visa")
        self.assertEqual(stripe.Invoice.pay(waiting.latest_invoice).status, "paid")
        applied = stripe.Subscription.retrieve(subscription.id)
        self.assertEqual((applied.pending_update, applied["items"].data[0].price.id), (None, dearer.id))

    def test_a_canceled_plan_is_kept_and_then_ends(self):
        clock, _, _, subscription = open_subscription("2026-03-01T00:00:00")
        canceling = stripe.Subscription.modify(subscription.id, cancel_at_period_end=True)
        self.assertEqual(day(canceling.cancel_at), "2026-04-01")
        kept = stripe.Subscription.modify(subscription.id, cancel_at_period_end=False)
        self.assertEqual((kept.cancel_at, kept.canceled_at), (None, None))
        stripe.Subscription.modify(subscription.id, cancel_at_period_end=True)
        advance(clock, "2026-04-01T02:00:00")
        self.assertEqual(stripe.Subscription.retrieve(subscription.id).status, "canceled")
        self.about("customer.subscription.deleted", lambda each: each.id == subscription.id)

    def test_twelve_months_from_the_last_of_january(self):
        clock, _, _, subscription = open_subscription("2026-01-31T10:00:00")
        ends = []
        for _ in range(12):
            item = stripe.Subscription.retrieve(subscription.id)["items"].data[0]
            ends.append(day(item.current_period_end))
            advance(clock, item.current_period_end + 2 * 3600)
        last = ["02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30", "12-31"]
        self.assertEqual(ends, [*(f"2026-{each}" for each in last), "2027-01-31"])
        invoices = list(stripe.Invoice.list(subscription=subscription.id, limit=5).auto_paging_iter())
        self.assertEqual([each.status for each in invoices], ["paid"] * 13)

    def test_a_renewal_is_declined_until_the_plan_ends(self):
        clock, customer, _, subscription = open_subscription("2026-03-01T00:00:00")
        attach_default(customer, "pm_card_chargeCustomerFail")
        advance(clock, "2026-04-01T02:00:00")
        late = stripe.Subscription.retrieve(subscription.id, expand=["latest_invoice"])
        self.assertEqual((late.status, late.latest_invoice.attempt_count), ("past_due", 1))
        advance(clock, "2026-04-30T00:00:00")
        ended = stripe.Subscription.retrieve(subscription.id)
        self.assertEqual((ended.status, ended.cancellation_details.reason), ("canceled", "payment_failed"))

    def test_money_is_given_back_in_parts(self):
        charge = buy_pack("4242424242424242")
        stripe.Refund.create(charge=charge.id, amount=500)
        with self.assertRaises(stripe.InvalidRequestError):
            stripe.Refund.create(charge=charge.id, amount=1001)
        self.assertEqual(stripe.Refund.create(payment_intent=charge.payment_intent).amount, 1000)
        whole = stripe.Charge.retrieve(charge.id)
        self.assertEqual((whole.amount_refunded, whole.refunded), (1500, True))
        with self.assertRaises(stripe.InvalidRequestError) as caught:
            stripe.Refund.create(charge=charge.id)
        self.assertEqual(caught.exception.code, "charge_already_refunded")
        refunded = self.about("charge.refunded", lambda each: each.id == charge.id)
        self.assertEqual(refunded.data.object.amount_refunded, 500)

    def test_disputes_are_won_and_lost(self):
        for evidence, status in (("winning_evidence", "won"), ("losing_evidence", "lost")):
            with self.subTest(status):
                charge = buy_pack("4000000000000259")
                of = lambda each: getattr(each, "charge", None) == charge.id
                dispute = self.about("charge.dispute.created", of).data.object
                stripe.Dispute.modify(dispute.id, evidence={"uncategorized_text": evidence}, submit=True)
                self.assertEqual(self.about("charge.dispute.closed", of).data.object.status, status)
                if status == "won":
                    self.about("charge.dispute.funds_reinstated", of)
                else:
                    self.assertNotIn("charge.dispute.funds_reinstated", self.deliveries.types(of))

    def test_the_portal_is_entered_at_a_step(self):
        cheap, dear = price("Creator", 1200), price("Pro", 2900)
        customer = customer_with()
        subscription = stripe.Subscription.create(customer=customer.id, items=[{"price": cheap.id}])
        configuration = stripe.billing_portal.Configuration.create(
            features={
                "subscription_update": {
                    "enabled": True,
                    "default_allowed_updates": ["price"],
                    "proration_behavior": "none",
                    "products": [{"product": each.product, "prices": [each.id]} for each in (cheap, dear)],
                },
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
            }
        )
        item = {"id": subscription["items"].data[0].id, "price": dear.id, "quantity": 1}
        session = stripe.billing_portal.Session.create(
            customer=customer.id,
            configuration=configuration.id,
            return_url="https://shop.example/account",
            flow_data={
                "type": "subscription_update_confirm",
                "subscription_update_confirm": {"subscription": subscription.id, "items": [item]},
                "after_completion": {"type": "redirect", "redirect": {"return_url": "https://shop.example/upgraded"}},
            },
        )
        self.assertEqual(open_page(session.url).press("Confirm"), "https://shop.example/upgraded")
        self.assertEqual(stripe.Subscription.retrieve(subscription.id)["items"].data[0].price.id, dear.id)
        home = stripe.billing_portal.Session.create(customer=customer.id, configuration=configuration.id)
        open_page(open_page(home.url).link("Cancel plan")).press("Cancel plan")
        canceling = stripe.Subscription.retrieve(subscription.id)
        self.assertEqual(canceling.cancel_at, canceling["items"].data[0].current_period_end)

    def test_a_request_that_is_sent_again_does_nothing_twice(self):
        made = lambda email: stripe.Customer.create(email=email, idempotency_key="judged-python")
        first, again = made("twice.python@example.com"), made("twice.python@example.com")
        self.assertEqual(first.id, again.id)
        self.assertEqual(again.last_response.headers["Idempotent-Replayed"], "true")
        with self.assertRaises(stripe.IdempotencyError):
            made("other.python@example.com")

    def test_a_declined_card_is_a_card_error(self):
        with self.assertRaises(stripe.CardError) as caught:
            stripe.PaymentIntent.create(
                amount=1000,
                currency="usd",
                payment_method="pm_card_chargeDeclined",
                confirm=True,
            )
        error = caught.exception
        self.assertEqual((error.code, error.error.decline_code), ("card_declined", "generic_decline"))
        self.assertEqual(error.error.payment_intent.status, "requires_payment_method")

    def test_what_is_not_there_is_an_invalid_request(self):
        with self.assertRaises(stripe.InvalidRequestError) as caught:
            stripe.Customer.retrieve("cus_nobody")
        self.assertEqual((caught.exception.code, caught.exception.http_status), ("resource_missing", 404))
        with self.assertRaises(stripe.AuthenticationError):
            stripe.Customer.list(api_key="nonsense")

    def test_more_than_a_hundred_customers_are_listed(self):
        email = "many.python@example.com"
        made = [stripe.Customer.create(email=email, name=f"Customer {number}").id for number in range(105)]
        listed = [each.id for each in stripe.Customer.list(email=email, limit=20).auto_paging_iter()]
        self.assertEqual(listed, made[::-1])
        first = stripe.Customer.list(email=email, limit=100)
        self.assertEqual((len(first.data), first.has_more), (100, True))

    def test_what_an_object_refers_to_is_sent_along(self):
        customer = customer_with()
        plan = price("Creator", 1200)
        made = stripe.Subscription.create(customer=customer.id, items=[{"price": plan.id}])
        whole = stripe.Subscription.retrieve(
            made.id, expand=["customer", "latest_invoice.payments.data.payment.payment_intent", "items.data.price.product"]
        )
        self.assertEqual(whole.customer.email, "ada@example.com")
        self.assertEqual(whole["items"].data[0].price.product.name, "Creator")
        self.assertEqual(whole.latest_invoice.payments.data[0].payment.payment_intent.status, "succeeded")


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
