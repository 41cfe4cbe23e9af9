/** The page at `/`: the shop now, today and over a day, kept up to date as windows close. */
import { charts, tiles } from './definitions.mjs'
import { element, write } from './dom.mjs'
import { Explorer } from './explorer.mjs'
import { Feed } from './feed.mjs'
import { currencyOf, figuresOf, funnelOf } from './figures.mjs'
import { clock, count, percent } from './formats.mjs'
import { Rows } from './rows.mjs'
import { Shell } from './shell.mjs'
import { Funnel, Tile } from './tiles.mjs'
import { dayMs, minuteMs } from './time.mjs'

const shell = new Shell()
const rows = new Rows()
const explorer = new Explorer(rows)
const funnel = new Funnel()
const shown = tiles.map((definition) => ({ ...definition, tile: new Tile(definition) }))
element('tiles').append(...shown.map(({ tile }) => tile.root), funnel.root)

let isDue = false
let toldAt = -Infinity

/** At most once a frame, however many rows have come. */
function refresh() {
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    rows.trim()
    show()
  })
}

function show() {
  const [now, currency] = [shell.now(), currencyOf(rows)]
  const figures = figuresOf(rows)
  for (const { tile, metric } of shown) {
    tile.show(figures, currency, now)
    const to = rows.latest(metric)?.windowEnd ?? now
    tile.trace(halfHours(rows.between(metric, to - dayMs, to)))
  }
  const hour = funnelOf(rows)
  funnel.show(hour, now)
  explorer.show(currency, now)
  shell.empty(charts.every(({ metric }) => rows.latest(metric) === undefined))
  const visitors = figures.visitors?.value ?? null
  document.title = visitors === null ? 'Shop metrics' : `${count(visitors)} now · Shop metrics`
  tell(figures, now)
}

/** The mean of each, so that the line is calm enough to stand behind figures. */
function halfHours(list) {
  const groups = Map.groupBy(list, ({ windowEnd }) => Math.ceil(windowEnd / (30 * minuteMs)))
  return [...groups].map(([index, group]) => {
    const values = group.map(({ value }) => value).filter((value) => value !== null)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return { to: index * 30 * minuteMs, value: values.length === 0 ? null : mean }
  })
}

/** For screen readers, and seldom. */
function tell({ visitors, ordersToday, conversion }, now) {
  if (visitors === null || now - toldAt < minuteMs) return
  toldAt = now
  const parts = [`${count(visitors.value ?? 0)} visitors`]
  if (ordersToday?.value != null) parts.push(`${count(ordersToday.value)} orders today`)
  if (conversion?.value != null) parts.push(`conversion ${percent(conversion.value)}`)
  write(element('told'), `${clock(visitors.to)}: ${parts.join(', ')}`)
}

const feed = new Feed({
  rows: (list) => {
    for (const row of list) rows.put(row)
    refresh()
  },
  health: (health) => {
    shell.health(health)
    refresh()
  },
  link: (link) => shell.link(link),
  token: () => shell.askForToken(),
})
void feed.run()
