/**
 * Runs `work` after each change: one run at a time, with pauses, and only while the page is visible.
 */

const PAUSE = 1000 // milliseconds between two runs
const RETRY = 5000
const SHARE = 4 // the pause after a slow run is this many times its duration

export class Refresher {
  #due = false
  #running = false
  #ended = false
  #document
  #work

  /** @param {{document: Document, work: () => Promise<void>}} options work: retried if it fails */
  constructor({document, work}) {
    this.#document = document
    this.#work = work
    document.addEventListener("visibilitychange", () => void this.#run())
  }

  /** Requests a run. */
  wake() {
    this.#due = true
    void this.#run()
  }

  end() {
    this.#ended = true
  }

  async #run() {
    if (this.#running) return
    this.#running = true
    while (this.#due && !this.#ended && !this.#document.hidden) {
      this.#due = false
      const began = performance.now()
      let pause = RETRY
      try {
        await this.#work()
        pause = Math.max(PAUSE, SHARE * (performance.now() - began))
      } catch (error) {
        console.warn(error)
        this.#due = true
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    this.#running = false
  }
}
