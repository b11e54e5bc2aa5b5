/**
 * The Server-Sent Events transport: a streaming response in which each event is a message.
 */

import {HttpTransport} from "./http.js"

export class SseTransport extends HttpTransport {
  get address() {
    return `${this.url}sse/`
  }

  /** @param {Response} response @param {(text: string) => void} take */
  async read(response, take) {
    if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      throw new Error("The server did not answer with a stream of events.")
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ""
    for (;;) {
      const {done, value} = await reader.read()
      if (done) throw new Error("The stream of events was interrupted.")
      const events = (rest + value).split("\n\n")
      rest = /** @type {string} */ (events.pop())
      for (const event of events) {
        if (event.startsWith("event: end\n")) return
        const data = /^data: (.*)/ms.exec(event) // JSON may contain U+2028, which is the end of a line for "." and "$"
        if (data) take(data[1])
      }
    }
  }
}
