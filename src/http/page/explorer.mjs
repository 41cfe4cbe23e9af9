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
    const ago = daysBefore(end, 1)
    const before = this.#rows.between(metric, ago - dayMs, ago)
    const past = new Map(before.map(({ windowEnd, value }) => [windowEnd + end - ago, value]))
    this.#points = this.#rows.between(metric, end - dayMs, end).map((row) => {
      const { windowStart: from, windowEnd, value } = row
      return { from, to: windowEnd, value, before: past.get(windowEnd) ?? null }
    })
    const { value: text, axis } = writers[name]
    const written = (value) => (value === null ? unknown : text(value, currency))
    this.#chart.show({
      label: `${title} ${unit}, the last 24 hours`,
      kind,
      from: end - dayMs,
      to: end,
      points: this.#points,
      axis: (value) => axis(value, currency),
      tell: (point) => {
        const other = point.before === null ? '' : `, the day before ${written(point.before)}`
        return `${span(point.from, point.to, now)}: ${written(point.value)}${other}`
      },
    })
    write(element('summary'), this.#summary(title, unit, written))
    if (element('table-of').open) this.#fill()
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
    const lines = this.#points.toReversed().map(({ from, to, value }) => {
      const number = value === null ? unknown : text(value, currency)
      const window = make('th', { scope: 'row', textContent: span(from, to, now) })
      window.title = `${moment(from)} – ${moment(to)}`
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
