/**
 * A clock that never goes back and continues while the device sleeps: each of the browser's two clocks does one of these.
 */

/**
 * @param {{wall?: () => number, steady?: () => number}} [sources] in milliseconds: the time of day, which somebody may set;
 *   and one that stops on some systems while they sleep
 * @returns {() => number} seconds since some moment
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
