/** The large chart: a metric of choice over the last day, the day before it, and all as a table. */
import { Chart } from './chart.mjs'
import { charts, writers } from './definitions.mjs'
import { element, make, write } from './dom.mjs'
import { moment, span, unknown } from './formats.mjs'
import { dayMs, daysBefore } from './time.mjs'

const titleKey = 'chart'

export class Explorer {
  #rows
  #chart = new Chart(element('plot'))
  #choice = charts.find(({ id }) => id === localStorage.getItem(titleKey)) ?? charts[0]
  #table = element('table')

  /** @param {import('./rows.mjs').Rows} rows */
  constructor(rows) {
    this.#rows = rows
    const places = charts.map((chart) => {
      const input = make('input', { type: 'radio', name: 'chart', value: chart.id })
      input.checked = chart === this.#choice
      input.addEventListener('change', () => {
        this.#choice = chart
        localStorage.setItem(titleKey, chart.id)
        this.show(...this.#shown)
      })
      return make('label', {}, input, make('span', { textContent: chart.title }))
    })
    element('choices').append(...places)
    const details = element('table-of')
    details.addEventListener('toggle', () => details.open && this.#fill())
  }

  #shown = [undefined, Date.now()]
  #points = []

  show(currency, now) {
    this.#shown = [currency, now]
    const { metric, title, kind, unit, write: name } = this.#choice
    const to = this.#rows.latest(metric)?.windowEnd
    element('plot').dataset.empty = String(to === undefined)
    const end = to ?? now
    const from = end - dayMs
    const stepMs = kind === 'bars' ? this.#stepMs(end) : 0
    const start = from - (kind === 'bars' ? 0 : 1)
    this.#points = this.#rows.between(metric, start, end).map((row) => pointOf(row, stepMs))
    const ago = daysBefore(end, 1)
    const before = this.#rows.between(metric, ago - dayMs - 1, ago).map((row) => {
      const { from: first, to: last, value } = pointOf(row, stepMs)
      return { from: first + end - ago, to: last + end - ago, value }
    })
    const { value: text, axis } = writers[name]
    const written = (value) => (value === null ? unknown : text(value, currency))
    const past = new Map(before.map((point) => [point.to, point.value]))
    this.#chart.show({
      label: `${title} ${unit}, the last 24 hours`,
      kind,
      from,
      to: end,
      points: this.#points,
      before,
      axis: (value) => axis(value, currency),
      tell: (point) => {
        const ghost = past.get(point.to)
        const other = ghost === undefined ? '' : `, the day before ${written(ghost)}`
        return `${span(point.start, point.to, now)}: ${written(point.value)}${other}`
      },
    })
    write(element('summary'), this.#summary(title, unit, written))
    if (element('table-of').open) this.#fill()
  }

  #stepMs(end) {
    const rows = this.#rows.between(this.#choice.metric, end - dayMs, end)
    const [first, second] = rows
    return second === undefined ? 0 : second.windowEnd - first.windowEnd
  }

  #summary(title, unit, written) {
    const values = this.#points.map(({ value }) => value).filter((value) => value !== null)
    if (values.length === 0) return `${title}: no values in the last 24 hours.`
    const low = written(values.reduce((a, b) => Math.min(a, b)))
    const high = written(values.reduce((a, b) => Math.max(a, b)))
    return `${title} ${unit}: from ${low} to ${high}, ${written(values.at(-1))} at last.`
  }

  #fill() {
    const [currency, now] = this.#shown
    const { title, write: name } = this.#choice
    const { value: text } = writers[name]
    const lines = this.#points.toReversed().map(({ start, to, value }) => {
      const number = value === null ? unknown : text(value, currency)
      const window = make('th', { scope: 'row', textContent: span(start, to, now) })
      window.title = `${moment(start)} – ${moment(to)}`
      return make('tr', {}, window, make('td', { textContent: number }))
    })
    const head = ['Window', title].map((textContent) => make('th', { scope: 'col', textContent }))
    this.#table.replaceChildren(
      make('caption', { textContent: `${title}, newest first` }),
      make('thead', {}, make('tr', {}, ...head)),
      make('tbody', {}, ...lines)
    )
  }
}

/** Bars are as wide as the step from one to the next, whatever their window. */
function pointOf({ windowStart: start, windowEnd: to, value }, stepMs) {
  return { start, from: stepMs > 0 ? to - stepMs : start, to, value }
}
