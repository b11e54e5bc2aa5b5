// Socket.IO: one `emit` to all clients, over WebSockets only.
import { createServer } from "node:http"

import { Server } from "socket.io"
import { WebSocketServer } from "ws"

const http = createServer()
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, destroyUpgrade: false })
const control = new WebSocketServer({ noServer: true })
control.on("connection", (socket) => socket.on("message", (data) => io.emit("item", String(data))))
http.on("upgrade", (request, socket, head) => {
  if (request.url === "/control") control.handleUpgrade(request, socket, head, (one) => control.emit("connection", one))
})
http.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 })
