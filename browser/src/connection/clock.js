/**
 * A clock that never goes back and keeps running while the device sleeps. Each of the browser's two clocks does only one of these.
 */

/**
 * @param {{wall?: () => number, steady?: () => number}} [sources] in milliseconds. wall: the time of day, which can be
 *   set; steady: a monotonic clock, which stops on some systems while they sleep
 * @returns {() => number} returns seconds since an arbitrary moment
 */
export function newClock({wall = () => Date.now(), steady = () => performance.now()} = {}) {
  let [lastWall, lastSteady, time] = [wall(), steady(), 0]
  return () => {
    const [nowWall, nowSteady] = [wall(), steady()]
    time += Math.max(nowWall - lastWall, nowSteady - lastSteady, 0)
    ;[lastWall, lastSteady] = [nowWall, nowSteady]
    return time / 1000
  }
}
