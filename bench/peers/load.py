"""A load generator: `python -m bench.peers.load <port> <seconds>`, with a JSON list on stdin of the headers of each
connection. Every connection is kept alive and POSTs one withdrawal after the other; prints how many a second were answered with 201."""

import asyncio
import json
import sys
import time

BODY = json.dumps({"region": "510903100208"}).encode()


async def ask(port: int, until: float, number: int, headers: dict[str, str]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    fixed = "\r\n".join(
        ["POST /v1/withdrawals HTTP/1.1", "Host: bench", "Content-Type: application/json", f"Content-Length: {len(BODY)}", *lines]
    )
    answered = 0
    while time.monotonic() < until:
        writer.write(f"{fixed}\r\nIdempotency-Key: {time.time_ns()}-{number}\r\n\r\n".encode() + BODY)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(head.decode())
        length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
        answered += 1
    writer.close()
    return answered


async def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    everybody = json.load(sys.stdin)
    started = time.monotonic()
    answered = await asyncio.gather(*(ask(port, started + seconds, number, headers) for number, headers in enumerate(everybody)))
    print(sum(answered) / (time.monotonic() - started))


if __name__ == "__main__":
    asyncio.run(main())
