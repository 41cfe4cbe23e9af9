/** One line over the last 24 hours, in the colours of the page; redrawn when they change. */
import UPlot from './uplot.mjs'

const dark = matchMedia('(prefers-color-scheme: dark)')

export class Chart {
  #place
  #format
  #plot
  #data = [[], []]

  /** `format` writes a value for the axis. */
  constructor(place, format) {
    this.#place = place
    this.#format = format
    this.#draw()
    dark.addEventListener('change', () => this.#draw())
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(place)
  }

  /** Epoch seconds, ascending; a value may be null: a gap. */
  show(times, values) {
    this.#data = [times, values]
    this.#plot.setData(this.#data)
  }

  #draw() {
    this.#plot?.destroy()
    const style = getComputedStyle(document.documentElement)
    const colour = (name) => style.getPropertyValue(name).trim()
    const axis = {
      stroke: colour('--quiet'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    }
    const options = {
      ...this.#size(),
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, space: 60 },
        { ...axis, size: 56, space: 30, values: (_plot, ticks) => ticks.map(this.#format) },
      ],
      series: [
        {},
        { stroke: colour('--accent'), width: 1.5, points: { show: false }, spanGaps: false },
      ],
    }
    this.#plot = new UPlot(options, this.#data, this.#place)
  }

  #size() {
    return {
      width: Math.max(this.#place.clientWidth, 120),
      height: this.#place.clientHeight || 144,
    }
  }
}
