// Bun's own publish, which uses uWebSockets.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: (request, self) => self.upgrade(request, { data: new URL(request.url).pathname }) || new Response(),
  websocket: {
    perMessageDeflate: false,
    backpressureLimit: 1 << 30,
    open(socket) {
      if (socket.data !== "/control") socket.subscribe("items")
    },
    message(socket, text) {
      server.publish("items", text)
    },
  },
})
