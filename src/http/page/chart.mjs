/**
 * A chart: one series in full, the day before it as a dashed line, and a reader that follows the
 * pointer, or the arrow keys. It is a slider to a screen reader, which speaks the window it is at.
 */
import { make, write } from './dom.mjs'
import { clock } from './formats.mjs'
import { hourMs } from './time.mjs'
import UPlot from './uplot.mjs'

const dark = matchMedia('(prefers-color-scheme: dark)')
const seconds = 1_000

export class Chart {
  #place
  #plot
  #model
  #tip = make('div', { className: 'reading', hidden: true, 'aria-hidden': 'true' })

  /** @param {HTMLElement} place an empty element, as large as the chart */
  constructor(place) {
    this.#place = place
    place.append(this.#tip)
    place.tabIndex = 0
    place.setAttribute('role', 'slider')
    place.addEventListener('focus', () => this.#point(this.#plot?.cursor.idx ?? this.#last))
    place.addEventListener('blur', () => this.#point(null))
    place.addEventListener('keydown', (event) => this.#press(event))
    dark.addEventListener('change', () => this.#draw())
    const themes = { attributeFilter: ['data-theme'] }
    new MutationObserver(() => this.#draw()).observe(document.documentElement, themes)
    new ResizeObserver(() => this.#plot?.setSize(sizeOf(place))).observe(place)
  }

  /**
   * `points`: { from, to, value, before }, oldest first; `axis` writes a value, `tell` a point.
   * @param {{ label: string, kind: 'line' | 'bars', from: number, to: number, points: object[],
   *   axis: (value: number) => string, tell: (point: object) => string }} model
   */
  show(model) {
    const isOther = this.#model?.kind !== model.kind || this.#plot === undefined
    this.#model = model
    this.#place.setAttribute('aria-label', model.label)
    if (isOther) this.#draw()
    else this.#plot.setData(this.#data())
    this.#read(this.#tip.hidden ? null : this.#plot.cursor.idx)
  }

  get #last() {
    return (this.#model?.points.length ?? 0) - 1
  }

  #data() {
    const { points } = this.#model
    return [
      points.map(({ to }) => to / seconds),
      points.map(({ value }) => value),
      points.map(({ before }) => before),
    ]
  }

  #draw() {
    if (this.#model === undefined) return
    this.#plot?.destroy()
    const options = {
      ...sizeOf(this.#place),
      ...looksOf(this.#model.kind, this.#place),
      legend: { show: false },
      padding: [12, 10, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
      scales: {
        x: { range: () => [this.#model.from / seconds, this.#model.to / seconds] },
        y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      hooks: { setCursor: [({ cursor }) => this.#read(cursor.idx ?? null)] },
    }
    const [, axis] = options.axes
    axis.values = (_plot, ticks) => ticks.map((tick) => this.#model.axis(tick))
    this.#plot = new UPlot(options, this.#data(), this.#place)
    this.#plot.root.setAttribute('aria-hidden', 'true')
  }

  #press(event) {
    const at = this.#plot?.cursor.idx ?? this.#last
    const [first, second] = this.#model?.points ?? []
    const hour = second === undefined ? 1 : Math.round(hourMs / (second.to - first.to))
    const next = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - Math.max(hour, 1),
      PageUp: at + Math.max(hour, 1),
      Home: 0,
      End: this.#last,
    }[event.key]
    if (event.key === 'Escape') this.#point(null)
    if (next === undefined || this.#last < 0) return
    event.preventDefault()
    this.#point(Math.min(Math.max(next, 0), this.#last))
  }

  /** Moves the cursor of the plot, which is told of by `#read`. */
  #point(index) {
    const point = index === null ? undefined : this.#model?.points[index]
    if (this.#plot === undefined) return
    if (point === undefined) this.#plot.setCursor({ left: -10, top: -10 })
    else this.#plot.setCursor({ left: this.#plot.valToPos(point.to / seconds, 'x'), top: 0 })
  }

  #read(index) {
    const point = this.#model?.points[index ?? this.#last]
    const text = point === undefined ? 'no windows' : this.#model.tell(point)
    const bounds = { min: 0, max: Math.max(this.#last, 0), now: Math.max(index ?? this.#last, 0) }
    for (const [name, value] of Object.entries({ ...bounds, text })) {
      this.#place.setAttribute(`aria-value${name}`, String(value))
    }
    this.#tip.hidden = index === null || point === undefined
    if (this.#tip.hidden) return
    write(this.#tip, text)
    const { left } = this.#plot.over.getBoundingClientRect()
    const x = left - this.#place.getBoundingClientRect().left + this.#plot.cursor.left
    const room = this.#place.clientWidth - this.#tip.offsetWidth - 4
    this.#tip.style.left = `${Math.max(4, Math.min(x - this.#tip.offsetWidth / 2, room))}px`
  }
}

function sizeOf({ clientWidth, clientHeight }) {
  return { width: Math.max(clientWidth, 120), height: Math.max(clientHeight, 120) }
}

/** Axes and series in the colours that the style sheet has at present. */
function looksOf(kind, place) {
  const probe = place.appendChild(make('i', { hidden: true }))
  const colour = (name) => {
    probe.style.color = `var(--${name})`
    return getComputedStyle(probe).color
  }
  const [accent, quiet, line, shade] = ['accent', 'quiet', 'line', 'shade'].map(colour)
  probe.remove()
  const font = `${Math.round(0.8 * parseFloat(getComputedStyle(place).fontSize))}px system-ui`
  const axis = { font, stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  const hours = { values: (_plot, ticks) => ticks.map((tick) => clock(tick * seconds)), space: 64 }
  const plain = { points: { show: false }, spanGaps: false }
  const own = { ...plain, stroke: accent, width: 2, fill: shade }
  const bars = { ...plain, fill: accent, paths: UPlot.paths.bars({ size: [0.8], align: -1 }) }
  return {
    axes: [
      { ...axis, ...hours, size: 32, grid: { show: false } },
      { ...axis, size: 58, space: 36 },
    ],
    series: [
      {},
      kind === 'bars' ? bars : own,
      { ...plain, stroke: quiet, width: 1.25, dash: [4, 3] },
    ],
  }
}
