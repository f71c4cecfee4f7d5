"""Four connections of one client identifier, and whether a session was there."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    for clean_start, expiry in ((True, 3600), (False, 3600), (True, 0), (False, 0)):
        options = polymqtt.ConnectOptions(clean_start=clean_start, session_expiry=expiry)
        options["client_id"] = "gate"
        client = polymqtt.Client.prepare(url, **options)
        grant = await client.start()
        present = grant.session_present
        print(f"clean start {clean_start!s:5}, expiry {expiry:4} s: session present {present}")
        await client.disconnect()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
