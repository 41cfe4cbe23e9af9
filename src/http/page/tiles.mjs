/** The tiles: each a figure or two, what they were at the same time of other days, and a line. */
import { funnelDefinition, writers } from './definitions.mjs'
import { make, write } from './dom.mjs'
import { count, date, percent, span, unknown } from './formats.mjs'
import { disclosure } from './shell.mjs'
import { sparkline } from './spark.mjs'
import { midnight } from './time.mjs'

/** A section with a title and its definition. */
function section(id, title, definition) {
  const heading = make('h2', { id: `${id}-title`, textContent: title })
  const panel = make('p', { id: `${id}-means`, className: 'means', textContent: definition })
  const head = make('header', {}, heading, disclosure(`What ${title.toLowerCase()} means`, panel))
  return make('section', { id, className: 'tile', 'aria-labelledby': heading.id }, head, panel)
}

export class Tile {
  #definition
  #figures
  #spark = make('div', { className: 'spark', 'aria-hidden': 'true' })
  root

  constructor(definition) {
    const { id, title, definition: means, figures } = definition
    this.#definition = definition
    this.root = section(id, title, means)
    this.#figures = figures.map((figure) => new FigureView(figure))
    const places = this.#figures.map(({ root }) => root)
    this.root.append(make('div', { className: 'figures' }, ...places), this.#spark)
  }

  show(figures, currency, now) {
    this.#definition.figures.forEach(({ name }, i) => {
      this.#figures[i].show(figures[name], currency, now)
    })
  }

  /** Points as a chart takes them. */
  trace(points) {
    this.#spark.replaceChildren(sparkline(points))
  }
}

class FigureView {
  #write
  #caption
  #value = make('p', { className: 'value', textContent: unknown })
  #parts = make('p', { className: 'parts', hidden: true })
  #bounds = make('button', { type: 'button', className: 'bounds', textContent: 'no window yet' })
  #deltas = make('ul', { className: 'deltas' })
  #tip
  root

  constructor({ name, caption, write: kind }) {
    this.#write = writers[kind]
    this.#caption = caption
    this.#tip = make('div', { id: `${name}-windows`, className: 'tip', role: 'tooltip' })
    this.#bounds.setAttribute('aria-describedby', this.#tip.id)
    this.#bounds.addEventListener('keydown', ({ key }) => key === 'Escape' && this.#bounds.blur())
    const parts = [this.#value, this.#parts, this.#bounds, this.#deltas, this.#tip]
    this.root = make('div', { className: 'figure', 'data-figure': name }, ...parts)
  }

  show(figure, currency, now) {
    if (figure === null) return
    const { value, from, to, numerator, denominator, others } = figure
    const { value: text, difference } = this.#write
    write(this.#value, value === null ? unknown : text(value, currency))
    const hasParts = this.#write === writers.ratio && denominator !== null
    this.#parts.hidden = !hasParts
    if (hasParts) write(this.#parts, `${count(numerator)} of ${count(denominator)} sessions`)
    write(this.#bounds, captionOf(this.#caption, from, to, now))
    const lines = others.map((other) => this.#line(value, other, (d) => difference(d, currency)))
    this.#deltas.replaceChildren(...lines)
    const windows = [{ label: 'this', value, from, to }, ...others].map((other) => {
      const number = other.value === null ? 'not known' : text(other.value, currency)
      return make('p', { textContent: `${span(other.from, other.to, now)}: ${number}` })
    })
    this.#tip.replaceChildren(...windows)
  }

  /** An arrow, the difference as a figure, and with what: colour says nothing that is not said. */
  #line(value, { label, value: before }, text) {
    if (value === null || before === null) {
      return make('li', { 'data-trend': 'unknown', textContent: `${unknown} ${label} not known` })
    }
    const difference = value - before
    const written = text(Math.abs(difference))
    const isSame = written === text(0)
    const trend = isSame ? 'same' : difference > 0 ? 'up' : 'down'
    const arrow = { same: '=', up: '▲', down: '▼' }[trend]
    const word = { same: 'the same as', up: 'more than', down: 'less than' }[trend]
    const seen = { 'aria-hidden': 'true' }
    return make(
      'li',
      { 'data-trend': trend },
      make('span', { ...seen, className: 'arrow', textContent: arrow }),
      make('b', { ...seen, textContent: isSame ? '' : `${written} ` }),
      make('span', { ...seen, textContent: isSame ? `as ${label}` : `vs ${label}` }),
      make('span', {
        className: 'spoken',
        textContent: `${isSame ? '' : written} ${word} ${label}`,
      })
    )
  }
}

/** Of a day that is over, its name. */
function captionOf(caption, from, to, now) {
  const isToday = midnight(to - 1) === midnight(now)
  if (caption === 'today') {
    return isToday ? `today, ${span(from, to, now)}` : span(from, to, now)
  }
  const clock = span(to - 1, to, to).split('–')[1]
  return isToday ? `${caption} to ${clock}` : `${caption} to ${date(to - 1)}, ${clock}`
}

/** Sessions, ordering sessions, orders: each as a share of the sessions. */
export class Funnel {
  #list = make('ol', { className: 'funnel' })
  #bounds = make('p', { className: 'caption', textContent: 'no window yet' })
  root = section('funnel', 'Funnel', funnelDefinition)

  constructor() {
    this.root.append(this.#list, this.#bounds)
  }

  show(funnel, now) {
    if (funnel === null) return
    const { sessions, ordering, orders, from, to } = funnel
    const steps = [
      { label: 'sessions', value: sessions, note: '' },
      { label: 'with an order', value: ordering, note: share(ordering, sessions) },
      { label: 'orders', value: orders, note: perSession(orders, ordering) },
    ]
    const lines = steps.map(({ label, value, note }) => {
      const width = sessions > 0 && value !== null ? Math.min(1, value / sessions) : 0
      const bar = make('span', { className: 'share', 'aria-hidden': 'true' })
      bar.style.setProperty('--share', String(width))
      const number = make('b', { textContent: value === null ? unknown : count(value) })
      return make('li', {}, bar, number, ` ${label}`, make('small', { textContent: note }))
    })
    this.#list.replaceChildren(...lines)
    write(this.#bounds, `1 hour, ${span(from, to, now)}`)
  }
}

function share(part, whole) {
  return whole > 0 && part !== null ? ` ${percent(part / whole)}` : ''
}

function perSession(orders, ordering) {
  if (orders === null || !(ordering > 0)) return ''
  const each = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(
    orders / ordering
  )
  return ` ${each} each`
}
