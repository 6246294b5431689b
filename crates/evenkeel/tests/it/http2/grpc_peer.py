"""A server and a client of gRPC's own implementation, with messages of plain bytes.

server PORT NAME   until standard input ends
client ADDRESS WHAT...   prints one line of JSON
"""

import collections
import json
import sys
import threading
import time
from concurrent import futures

import grpc


def raw(handler):
    return {"request_deserializer": None, "response_serializer": None, "behavior": handler}


def server(port, name):
    serving = [True]

    def unary(request, context):
        context.set_trailing_metadata((("served-by", name),))
        return name.encode() + b" " + str(len(request)).encode()

    def many(request, context):
        for number in range(int(request)):
            yield b"%d" % number

    def both(requests, context):
        for request in requests:
            yield request.upper()

    def fail(request, context):
        context.abort(getattr(grpc.StatusCode, request.decode()), "as asked")

    def hang(request, context):
        time.sleep(5)
        return b""

    def metadata(request, context):
        return json.dumps({key: str(value) for key, value in context.invocation_metadata()}).encode()

    def toggle(request, context):
        serving[0] = request == b"1"
        return b""

    def health(request, context):
        return b"\x08\x01" if serving[0] else b"\x08\x02"

    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Hang": grpc.unary_unary_rpc_method_handler(hang),
        "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
        "Serve": grpc.unary_unary_rpc_method_handler(toggle),
    }
    checks = {"Check": grpc.unary_unary_rpc_method_handler(health)}
    running = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    running.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("t.T", handlers),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", checks),
    ))
    bound = running.add_insecure_port(f"127.0.0.1:{port}")
    running.start()
    print(bound, flush=True)
    sys.stdin.read()
    running.stop(0)


def outcome(call):
    try:
        return call()
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}


def spread(address, channels, calls):
    counts = collections.Counter()
    opened = []
    for _ in range(channels):
        channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        opened.append(channel)
        unary = channel.unary_unary("/t.T/Unary")
        for _ in range(calls):
            counts[unary(b"x", timeout=20).split()[0].decode()] += 1
    for channel in opened:
        channel.close()
    return counts


def client(address, what, *arguments):
    if what == "spread":
        return spread(address, int(arguments[0]), int(arguments[1]))
    channel = grpc.insecure_channel(address)
    if what == "unary":
        reply, call = channel.unary_unary("/t.T/Unary").with_call(b"x" * int(arguments[0]), timeout=20)
        return {"reply": reply.decode(), "trailers": dict(call.trailing_metadata())}
    if what == "many":
        return len(list(channel.unary_stream("/t.T/Many")(arguments[0].encode(), timeout=20)))
    if what == "both":
        # One message at a time, each answered before the next is sent: nothing may be held back.
        calls = channel.stream_stream("/t.T/Both")
        ready, replies = threading.Semaphore(1), []

        def requests():
            for number in range(int(arguments[0])):
                ready.acquire()
                yield b"m%d" % number

        for reply in calls(requests(), timeout=20):
            replies.append(reply.decode())
            ready.release()
        return replies
    if what == "cancel":
        call = channel.unary_unary("/t.T/Hang").future(b"", timeout=20)
        time.sleep(0.3)
        call.cancel()
        return call.code().name
    method, message = arguments[0], arguments[1].encode()
    timeout = float(arguments[2]) if len(arguments) > 2 else 20
    started = time.monotonic()
    said = outcome(lambda: channel.unary_unary(method)(message, timeout=timeout).decode())
    return {"said": said, "took": time.monotonic() - started}


if __name__ == "__main__":
    if sys.argv[1] == "server":
        server(int(sys.argv[2]), sys.argv[3])
    else:
        print(json.dumps(client(*sys.argv[2:])))
