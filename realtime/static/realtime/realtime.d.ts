// Made from browser/src by `npm run build`; change it there.
export * from "./types/realtime.js"
export {default} from "./types/realtime.js"
