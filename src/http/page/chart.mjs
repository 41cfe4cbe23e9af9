/**
 * A chart: one series in full, the day before it as a dashed line, and a reader that follows the
 * pointer, or the arrow keys. It is a slider to a screen reader, which speaks the window it is at.
 *
 *     top ┬ grid ─────────────┐        all of it is SVG in the colours of the style sheet, so a
 *         │ marks             │        change of theme redraws nothing
 *      0  └─ hours ───────────┘
 */

import { draw, make, write } from './dom.mjs'
import { clock } from './formats.mjs'
import { hourMs, midnight } from './time.mjs'

const margin = { top: 12, right: 12, bottom: 26, left: 58 }

export class Chart {
  #plot
  #svg
  #tip
  #model
  /** Index of the window that is read; undefined: none. */
  #at

  /** @param {HTMLElement} place an empty element, as large as the chart */
  constructor(place) {
    this.#svg = draw('svg', { 'aria-hidden': 'true' })
    this.#tip = make('div', { className: 'reading', hidden: true, 'aria-hidden': 'true' })
    this.#plot = place
    place.append(this.#svg, this.#tip)
    place.tabIndex = 0
    place.setAttribute('role', 'slider')
    place.addEventListener('pointermove', (event) => this.#point(event))
    place.addEventListener('pointerdown', (event) => this.#point(event))
    place.addEventListener('pointerleave', () => this.#read(undefined))
    place.addEventListener('blur', () => this.#read(undefined))
    place.addEventListener('focus', () => this.#read(this.#at ?? this.#last))
    place.addEventListener('keydown', (event) => this.#press(event))
    new ResizeObserver(() => this.#draw()).observe(place)
  }

  /**
   * `points` and `before`: { from, to, value }, oldest first; `axis` writes a value and
   * `tell` a point.
   * @param {{ label: string, kind: 'line' | 'bars', from: number, to: number, points: object[],
   *   before: object[], axis: (value: number) => string, tell: (point: object) => string }} model
   */
  show(model) {
    this.#model = model
    this.#plot.setAttribute('aria-label', model.label)
    this.#draw()
    this.#read(this.#tip.hidden ? undefined : this.#at)
  }

  get #last() {
    return (this.#model?.points.length ?? 0) - 1
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#plot
    if (this.#model === undefined || width === 0) return
    const scale = scaleOf(this.#model, width, height)
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.#svg.replaceChildren(
      ...grid(this.#model, scale),
      ...marks(this.#model, scale),
      draw('line', { class: 'cursor', y1: scale.top, y2: scale.bottom, visibility: 'hidden' }),
      draw('circle', { class: 'dot', r: 4.5, visibility: 'hidden' })
    )
    this.#mark()
  }

  #point({ clientX }) {
    if (this.#last < 0) return
    const { left, width } = this.#plot.getBoundingClientRect()
    const { time } = scaleOf(this.#model, width, 1)
    const at = time(clientX - left)
    const { points } = this.#model
    const index = points.findIndex(({ to }) => at < to)
    this.#read(index < 0 ? this.#last : index)
  }

  #press(event) {
    const at = this.#at ?? this.#last
    const hour = Math.max(1, Math.round(hourMs / this.#stepMs()))
    const next = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - hour,
      PageUp: at + hour,
      Home: 0,
      End: this.#last,
    }[event.key]
    if (event.key === 'Escape') this.#read(undefined)
    if (next === undefined || this.#last < 0) return
    event.preventDefault()
    this.#read(Math.min(Math.max(next, 0), this.#last))
  }

  #stepMs() {
    const [first, second] = this.#model?.points ?? []
    return second === undefined ? hourMs : second.to - first.to
  }

  #read(at) {
    this.#at = at === undefined ? undefined : Math.min(at, this.#last)
    this.#plot.setAttribute('aria-valuemin', '0')
    this.#plot.setAttribute('aria-valuemax', String(Math.max(this.#last, 0)))
    const spoken = this.#at ?? Math.max(this.#last, 0)
    this.#plot.setAttribute('aria-valuenow', String(spoken))
    const point = this.#model?.points[spoken]
    const text = point === undefined ? 'no windows' : this.#model.tell(point)
    this.#plot.setAttribute('aria-valuetext', text)
    this.#tip.hidden = this.#at === undefined || point === undefined
    if (!this.#tip.hidden) write(this.#tip, text)
    this.#mark()
  }

  #mark() {
    const point = this.#at === undefined ? undefined : this.#model?.points[this.#at]
    const [line, dot] = ['line.cursor', 'circle.dot'].map((name) => this.#svg.querySelector(name))
    if (line === null || dot === null) return
    line.setAttribute('visibility', point === undefined ? 'hidden' : 'visible')
    const hasDot = point !== undefined && point.value !== null
    dot.setAttribute('visibility', hasDot ? 'visible' : 'hidden')
    if (point === undefined) return
    const { clientWidth: width, clientHeight: height } = this.#plot
    const scale = scaleOf(this.#model, width, height)
    const x = scale.x(this.#model.kind === 'bars' ? (point.from + point.to) / 2 : point.to)
    for (const end of ['x1', 'x2']) line.setAttribute(end, String(x))
    dot.setAttribute('cx', String(x))
    dot.setAttribute('cy', String(scale.y(point.value ?? 0)))
    const room = width - this.#tip.offsetWidth - 4
    this.#tip.style.left = `${Math.max(4, Math.min(x - this.#tip.offsetWidth / 2, room))}px`
  }
}

function scaleOf({ from, to, points, before }, width, height) {
  const values = [...points, ...before].map(({ value }) => value ?? 0)
  const { step, high } = niceSteps(values.reduce((a, b) => Math.max(a, b), 0))
  const [left, right] = [margin.left, width - margin.right]
  const [top, bottom] = [margin.top, height - margin.bottom]
  return {
    left,
    right,
    top,
    bottom,
    step,
    high,
    x: (time) => round(left + ((time - from) / (to - from)) * (right - left)),
    y: (value) => round(bottom - (value / high) * (bottom - top)),
    time: (x) => from + ((x - left) / (right - left)) * (to - from),
  }
}

/** Four or five steps of 1, 2 or 5 times a power of ten. */
function niceSteps(most) {
  if (most <= 0) return { step: 1, high: 1 }
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)
  return { step, high: Math.ceil(most / step - 1e-9) * step }
}

function grid({ from, to, axis }, scale) {
  const lines = []
  for (let i = 0; i * scale.step <= scale.high * 1.001; i++) {
    const y = scale.y(i * scale.step)
    const ends = { x1: scale.left, x2: scale.right, y1: y, y2: y }
    lines.push(draw('line', { class: i === 0 ? 'base' : 'grid', ...ends }))
    const place = { x: scale.left - 8, y: y + 4, 'text-anchor': 'end' }
    lines.push(draw('text', place, axis(i * scale.step)))
  }
  const perHour = ((scale.right - scale.left) / (to - from)) * hourMs
  const stepHours = [1, 2, 3, 4, 6, 12].find((hours) => hours * perHour >= 58) ?? 12
  for (let time = nextHour(from, stepHours); time <= to; time = nextHour(time, stepHours)) {
    const x = scale.x(time)
    const isDay = midnight(time) === time
    const ends = { x1: x, x2: x, y1: isDay ? scale.top : scale.bottom, y2: scale.bottom + 4 }
    lines.push(draw('line', { class: isDay ? 'day' : 'base', ...ends }))
    const isNearEnd = x > scale.right - 18
    const place = { x, y: scale.bottom + 19, 'text-anchor': isNearEnd ? 'end' : 'middle' }
    lines.push(draw('text', place, clock(time)))
  }
  return lines
}

/** The next hour of the day that so many hours divide; days may be 23 or 25 hours long. */
function nextHour(time, stepHours) {
  const date = new Date(time)
  date.setMinutes(60, 0, 0)
  while (date.getHours() % stepHours !== 0) date.setHours(date.getHours() + 1)
  return date.getTime()
}

function marks({ kind, points, before }, scale) {
  const past = draw('path', { class: 'before', d: linePath(before, scale, kind === 'bars') })
  if (kind === 'bars') {
    const bars = points.filter(({ value }) => value !== null && value > 0)
    return [
      draw('path', { class: 'bars', d: bars.map((bar) => barPath(bar, scale)).join('') }),
      past,
    ]
  }
  return [
    draw('path', { class: 'area', d: areaPath(points, scale) }),
    past,
    draw('path', { class: 'line', d: linePath(points, scale) }),
  ]
}

function barPath({ from, to, value }, { x, y, bottom }) {
  const gap = Math.min(1.5, (x(to) - x(from)) / 6)
  return `M${x(from) + gap} ${bottom}V${y(value)}H${x(to) - gap}V${bottom}Z`
}

/** A gap where a value is missing. */
function linePath(points, { x, y }, isMiddle = false) {
  let [path, isDown] = ['', false]
  for (const { from, to, value } of points) {
    if (value !== null) {
      path += `${isDown ? 'L' : 'M'}${x(isMiddle ? (from + to) / 2 : to)} ${y(value)}`
    }
    isDown = value !== null
  }
  return path
}

function areaPath(points, scale) {
  const known = points.filter(({ value }) => value !== null)
  const [first, last] = [known[0], known.at(-1)]
  if (first === undefined || last === undefined) return ''
  const line = linePath(known, scale)
  return `${line}L${scale.x(last.to)} ${scale.bottom}L${scale.x(first.to)} ${scale.bottom}Z`
}

function round(value) {
  return Math.round(value * 10) / 10
}

/** A line without axes, as wide as its place, for the ground behind a figure. */
export function sparkline(points) {
  const [width, height] = [400, 100]
  const known = points.filter(({ value }) => value !== null)
  const high = known.reduce((most, { value }) => Math.max(most, value), 0)
  const [first, last] = [known[0], known.at(-1)]
  const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none' }
  if (first === undefined || high === 0 || first === last) return draw('svg', box)
  const scale = {
    x: (time) => round(((time - first.to) / (last.to - first.to)) * width),
    y: (value) => round(height - (value / high) * (height - 4)),
    bottom: height,
  }
  return draw(
    'svg',
    box,
    draw('path', { class: 'area', d: areaPath(known, scale) }),
    draw('path', { class: 'line', d: linePath(known, scale) })
  )
}
