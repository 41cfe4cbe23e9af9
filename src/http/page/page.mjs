/** The page: five numbers, their last day, and how fresh they are; kept up to date by events. */
import { Chart } from './charts.mjs'
import { getJson, keepToken, readStream, TokenNeeded } from './events.mjs'

const dayMs = 86_400_000
const freshMs = 60_000
const retryMs = 3_000

const whole = new Intl.NumberFormat()
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 2 })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' })
let currency = 'EUR'

const metrics = [
  { name: 'visitors_5m', title: 'Visitors', unit: 'sessions in 5 minutes', format: count },
  { name: 'orders_5m', title: 'Orders', unit: 'orders in 5 minutes', format: count },
  { name: 'conversion_1h', title: 'Conversion', unit: 'of sessions in an hour', format: ratio },
  { name: 'average_order_value_24h', title: 'Average order', unit: 'in 24 hours', format: money },
  { name: 'revenue_24h', title: 'Revenue', unit: 'in 24 hours', format: money },
].map((metric) => ({ ...metric, rows: new Map(), ...card(metric) }))

/** Whose rows have changed since they were drawn. */
const dirty = new Set()
const element = (id) => document.getElementById(id)
let lastEventAt = null
let aheadMs = 0

function count(value) {
  return whole.format(value)
}

function ratio(value) {
  return percent.format(value)
}

function money(value) {
  return new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(value)
}

/** The parts of one metric on the page. */
function card({ name, title, format }) {
  const section = document.createElement('section')
  section.id = name
  section.setAttribute('aria-labelledby', `${name}-title`)
  const heading = add(section, 'h2', { id: `${name}-title`, textContent: title })
  const value = add(section, 'p', { className: 'value', textContent: '–' })
  const detail = add(section, 'p', { className: 'detail', textContent: 'no window has closed yet' })
  const place = add(section, 'div', { className: 'chart' })
  place.setAttribute('role', 'img')
  const table = add(section, 'div', { className: 'table', hidden: true, tabIndex: 0 })
  document.getElementById('metrics').append(section)
  return { heading, value, detail, place, table, chart: new Chart(place, shortened(format)) }
}

/** For an axis: without decimals where they say nothing. */
function shortened(format) {
  return format === money ? count : format
}

function add(parent, tag, properties) {
  const child = Object.assign(document.createElement(tag), properties)
  parent.append(child)
  return child
}

function take(row) {
  const metric = metrics.find(({ name }) => name === row.metric)
  if (metric === undefined) return
  if (row.currency !== null) currency = row.currency
  metric.rows.set(row.windowEnd, row)
  for (const end of metric.rows.keys()) {
    if (end < Date.now() + aheadMs - dayMs) metric.rows.delete(end)
  }
  dirty.add(metric)
  if (dirty.size === 1) requestAnimationFrame(showDirty)
}

function showDirty() {
  for (const metric of dirty) show(metric)
  dirty.clear()
}

function show(metric) {
  const rows = [...metric.rows.values()].sort((a, b) => a.windowEnd - b.windowEnd)
  const last = rows.at(-1)
  if (last === undefined) return
  metric.value.textContent = last.value === null ? '–' : metric.format(last.value)
  metric.detail.textContent = describe(metric, last)
  metric.chart.show(
    rows.map(({ windowEnd }) => windowEnd / 1_000),
    rows.map(({ value }) => value)
  )
  metric.place.setAttribute('aria-label', summary(metric, rows))
  if (!metric.table.hidden) fill(metric, rows)
}

function describe({ unit, name }, row) {
  const end = clock.format(row.windowEnd)
  const isDay = row.windowEnd - row.windowStart >= dayMs
  const span = isDay ? `to ${end}` : `${clock.format(row.windowStart)}–${end}`
  const parts = row.denominator === null ? '' : `, ${components(name, row)}`
  return `${unit}, ${span}${parts}`
}

function components(name, row) {
  if (name === 'conversion_1h') {
    return `${count(row.numerator)} of ${count(row.denominator)} sessions`
  }
  return `${count(row.denominator)} orders`
}

function summary({ title, format }, rows) {
  const values = rows.map(({ value }) => value).filter((value) => value !== null)
  if (values.length === 0) return `${title}: no values in the last 24 hours`
  const low = format(values.reduce((a, b) => Math.min(a, b)))
  const high = format(values.reduce((a, b) => Math.max(a, b)))
  return `${title} over the last 24 hours: from ${low} to ${high}, ${format(values.at(-1))} at last`
}

function fill(metric, rows) {
  const table = document.createElement('table')
  add(table, 'caption', { textContent: `${metric.title}, newest first` })
  const head = add(add(table, 'thead', {}), 'tr', {})
  for (const textContent of ['Window end', 'Value']) add(head, 'th', { scope: 'col', textContent })
  const body = add(table, 'tbody', {})
  for (const row of rows.toReversed()) {
    const line = add(body, 'tr', {})
    add(line, 'td', { textContent: moment.format(row.windowEnd) })
    add(line, 'td', { textContent: row.value === null ? '–' : metric.format(row.value) })
  }
  metric.table.replaceChildren(table)
}

function showStatus(status) {
  aheadMs = status.now - Date.now()
  lastEventAt = status.lastEventAt
  showState(status.state)
  element('reasons').textContent = status.reasons.join(' ')
  element('reasons').hidden = status.reasons.length === 0
  showFreshness()
}

function showState(state) {
  const badge = element('state')
  if (badge.dataset.state === state) return
  badge.dataset.state = state
  badge.textContent = state
}

function showFreshness() {
  const badge = element('freshness')
  if (lastEventAt === null) return
  const ageMs = Math.max(0, Date.now() + aheadMs - lastEventAt)
  badge.dataset.fresh = ageMs < freshMs ? 'fresh' : 'old'
  badge.textContent = `last event ${span(ageMs)} ago`
}

function span(ms) {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3_600)} h`
}

async function load() {
  const from = Date.now() + aheadMs - dayMs
  const latest = await getJson('api/metrics')
  latest.results.forEach(take)
  await Promise.all(
    metrics.map(async ({ name }) => {
      let query = `from=${Math.floor(from)}`
      do {
        const page = await getJson(`api/windows/${name}?${query}&limit=1000`)
        page.results.forEach(take)
        query = page.next && `cursor=${encodeURIComponent(page.next)}`
      } while (query)
    })
  )
}

/** Listens first and loads then, so that no row falls between the two. */
async function follow() {
  for (;;) {
    try {
      await readStream('api/stream', {
        open: () => load().catch(() => showState('offline')),
        event: (name, data) => (name === 'row' ? take(data) : showStatus(data)),
      })
    } catch (error) {
      if (error instanceof TokenNeeded) await askForToken()
    }
    showState('offline')
    await new Promise((resolve) => setTimeout(resolve, retryMs))
  }
}

function askForToken() {
  const form = element('token')
  form.hidden = false
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault()
      keepToken(element('token-text').value)
      form.hidden = true
      resolve()
    }
  })
}

element('tables').addEventListener('click', ({ currentTarget }) => {
  const shown = currentTarget.getAttribute('aria-pressed') !== 'true'
  currentTarget.setAttribute('aria-pressed', String(shown))
  currentTarget.textContent = shown ? 'Hide tables' : 'Show tables'
  for (const metric of metrics) {
    metric.table.hidden = !shown
    show(metric)
  }
})

setInterval(showFreshness, 1_000)
void follow()
