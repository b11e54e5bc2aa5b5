/**
 * The long-polling transport: the server answers a request when there are changes.
 */

import {HttpTransport, messagesOf} from "./http.js"

export class LongPollTransport extends HttpTransport {
  get address() {
    return this.idle ? `${this.url}poll/` : `${this.url}poll/?wait=0`
  }

  /** @param {Response} response @param {(text: string) => void} take */
  async read(response, take) {
    const messages = await messagesOf(response)
    // the answer of something else than realtime would cause endless requests
    if (messages[0]?.type !== "welcome" && messages[0]?.type !== "bye") throw new Error("The server's response has no welcome.")
    for (const message of messages) take(JSON.stringify(message))
  }
}
