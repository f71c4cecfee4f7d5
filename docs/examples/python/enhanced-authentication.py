"""A user who proves to know the password without sending it, and a server that does the same.

It needs a server that offers SCRAM-SHA-256 and knows this user.
"""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    guess = polymqtt.Scram("ann", "password")
    try:
        await polymqtt.connect(url, client_id="guess", authentication=guess)
    except polymqtt.NotAuthorizedError as error:
        print(f"a wrong password: {error.kind}")

    scram = polymqtt.Scram("ann", "pass/word")
    async with polymqtt.connect(url, client_id="ann", authentication=scram) as client:
        print("connected")
        # The same again, while everything else goes on.
        await client.reauthenticate()
        print("authenticated again")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
