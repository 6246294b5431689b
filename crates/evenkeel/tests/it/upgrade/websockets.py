"""A WebSocket server that echoes, and clients that check what comes back: `serve NAME [CERT KEY]`, `talk URL COUNT`."""

import asyncio
import json
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

LARGE = bytes(index * 7 % 256 for index in range(4 << 20))


async def run_server(name, *files):
    async def answer(socket):
        async for message in socket:
            if message == "who":
                await socket.send(name)
            elif message == "leave":
                return await socket.close(4001, "as told")
            else:
                await socket.send(message)

    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if files else None
    if secure:
        secure.load_cert_chain(*files)
    async with serve(answer, "127.0.0.1", 0, subprotocols=["chat"], max_size=None, ssl=secure) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


async def talk(url, number, opening, all_open):
    async with opening:
        # One after the other, so that each sees how many the others have.
        socket = await connect(url, subprotocols=["other", "chat"], max_size=None, proxy=None)
    async with socket:
        await socket.send("who")
        name = await socket.recv()
        await all_open.wait()
        # Time to be counted.
        await asyncio.sleep(2)
        for message in ["text", "grüße", b"\x00\xff", LARGE, ""]:
            await socket.send(message)
            assert await socket.recv() == message, f"{message[:20]!r} came back changed"
        await socket.send(["in ", "three ", "parts"])
        assert await socket.recv() == "in three parts"
        await asyncio.wait_for(await socket.ping(), 10)
        compressed = any("deflate" in extension.name for extension in socket.protocol.extensions)
        if number % 2:
            await socket.send("leave")
            try:
                await socket.recv()
                raise AssertionError("the server stayed")
            except ConnectionClosed:
                pass
        else:
            await socket.close(1000, "done")
        return name, socket.subprotocol, compressed, socket.close_code


async def run_clients(url, count):
    all_open = asyncio.Barrier(count + 1)
    opening = asyncio.Lock()
    clients = [asyncio.create_task(talk(url, number, opening, all_open)) for number in range(count)]
    await asyncio.wait_for(all_open.wait(), 30)
    told = await asyncio.gather(*clients)
    names, subprotocols, compressed, codes = zip(*told)
    print(json.dumps({
        "servers": "".join(sorted(names)),
        "subprotocol": "/".join(sorted(set(subprotocols))),
        "compressed": all(compressed),
        "closed": codes,
    }))


if sys.argv[1] == "serve":
    asyncio.run(run_server(*sys.argv[2:]))
else:
    asyncio.run(run_clients(sys.argv[2], int(sys.argv[3])))
