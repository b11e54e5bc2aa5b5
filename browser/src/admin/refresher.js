/**
 * Runs a piece of work again after each change: one at a time, at a measured pace, and only while the page is looked at.
 */

const PAUSE = 1000 // milliseconds between two runs
const RETRY = 5000
const SHARE = 4 // a run that took long is followed by a pause of so many times that

export class Refresher {
  #due = false
  #running = false
  #ended = false
  #document
  #work

  /** @param {{document: Document, work: () => Promise<void>}} options work: what fails is tried again */
  constructor({document, work}) {
    this.#document = document
    this.#work = work
    document.addEventListener("visibilitychange", () => void this.#run())
  }

  /** There is something new. */
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
