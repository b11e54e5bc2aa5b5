// The broadcast loop of the `ws` package, from its documentation.
import { WebSocketServer } from "ws"

const clients = new Set()
new WebSocketServer({ port: Number(process.argv[2]), host: "127.0.0.1", perMessageDeflate: false, backlog: 4096 }).on(
  "connection",
  (socket, request) => {
    if (request.url !== "/control") {
      clients.add(socket)
      socket.on("close", () => clients.delete(socket))
      return
    }
    socket.on("message", (data) => {
      const text = String(data)
      for (const client of clients) client.send(text)
    })
  },
)
