/** A line without axes, as wide as its place, to stand under a figure. */
import { draw } from './dom.mjs'

const [width, height] = [400, 100]

/** `points`: { to, value }, oldest first. Nothing is drawn of less than two values. */
export function sparkline(points) {
  const known = points.filter(({ value }) => value !== null)
  const high = known.reduce((most, { value }) => Math.max(most, value), 0)
  const [first, last] = [known[0], known.at(-1)]
  const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none' }
  if (first === undefined || high === 0 || first === last) return draw('svg', box)
  const path = known
    .map(({ to, value }) => {
      const x = ((to - first.to) / (last.to - first.to)) * width
      return `${x.toFixed(1)} ${(height - (value / high) * (height - 4)).toFixed(1)}`
    })
    .join('L')
  return draw(
    'svg',
    box,
    draw('path', { class: 'area', d: `M${path}V${height}H0Z` }),
    draw('path', { class: 'line', d: `M${path}` })
  )
}
