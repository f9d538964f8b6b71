"""A load generator: `python -m bench.peers.load <port> <seconds> <method>`, with a JSON list on stdin of the headers of each connection.

Every connection is kept alive. It POSTs one withdrawal after the other, or POSTs one and GETs it again and again; the generator prints how
many requests a second were answered with success.
"""

import asyncio
import json
import sys
import time

BODY = json.dumps({"region": "510903100208"}).encode()


async def ask(port: int, until: float, number: int, headers: dict[str, str], method: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    post = f"POST /v1/withdrawals HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n{lines}"

    async def send(request: bytes) -> bytes:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(head.decode())
        length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return await reader.readexactly(length)

    def posting() -> bytes:
        return f"{post}Idempotency-Key: {time.time_ns()}-{number}\r\n\r\n".encode() + BODY

    if method == "GET":
        made = json.loads(await send(posting()))["id"]
        getting = f"GET /v1/withdrawals/{made} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode()
    answered = 0
    while time.monotonic() < until:
        await send(getting if method == "GET" else posting())
        answered += 1
    writer.close()
    return answered


async def main() -> None:
    port, seconds, method = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    everybody = json.load(sys.stdin)
    started = time.monotonic()
    answered = await asyncio.gather(*(ask(port, started + seconds, number, headers, method) for number, headers in enumerate(everybody)))
    print(sum(answered) / (time.monotonic() - started))


if __name__ == "__main__":
    asyncio.run(main())
