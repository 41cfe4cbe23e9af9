/**
 * What Grafana's own linter of dashboards asks for, as checks of our own: it is a program in
 * another language, and not to be had as a package. Exceptions are named here, with their reasons.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { dashboardText } from '../../src/dashboard-files.ts'
import type { Dashboard } from '../../src/dashboards/grafana.ts'
import { declarations } from '../../src/metrics/declarations.ts'
import { shopOptions } from '../../src/shop-app.ts'
import { shopMetrics } from '../../topologies/shop-metrics.ts'
import {
  defaults,
  expressionsOf,
  foreignDashboard,
  panelsOf,
  shipped,
} from '../support/dashboards.ts'

const directory = fileURLToPath(new URL('../../compose/grafana', import.meta.url))
const all: readonly (readonly [string, Dashboard])[] = [
  ...shipped(),
  ['of another application', foreignDashboard()],
]

/** Units that Grafana knows and these dashboards may use. */
const units =
  'short percent percentunit bytes s cps Bps currencyEUR currencyUSD dateTimeFromNow'.split(' ')

describe('the files', () => {
  it('are what millrace dashboards -o compose/grafana/dashboards would write', () => {
    const kept = readdirSync(join(directory, 'dashboards')).sort()
    expect(kept).toEqual([...shipped().keys()].sort())
    for (const [name, dashboard] of shipped()) {
      const text = readFileSync(join(directory, 'dashboards', name), 'utf8')
      expect(text === dashboardText(dashboard), `${name} is not what would be generated`).toBe(true)
    }
  })

  it('are provisioned from a source that the dashboards choose', () => {
    const read = (name: string) =>
      parse(readFileSync(join(directory, 'provisioning', name), 'utf8')) as Record<string, unknown>
    expect(read('datasources/prometheus.yaml')['datasources']).toMatchObject([
      {
        uid: 'prometheus',
        type: 'prometheus',
        jsonData: { httpMethod: 'POST', timeInterval: '1m' },
      },
    ])
    expect(read('dashboards/millrace.yaml')['providers']).toMatchObject([
      { type: 'file', allowUiUpdates: false },
    ])
    const scraped = parse(
      readFileSync(join(directory, '../prometheus/prometheus.yml'), 'utf8')
    ) as { global: { scrape_interval: string } }
    expect(scraped.global.scrape_interval).toBe('1m')
  })
})

describe.each(all)('the dashboard %s', (_name, dashboard) => {
  const panels = panelsOf(dashboard)
  const expressions = expressionsOf(dashboard)

  it('has an identity that lasts, and is not to be edited in the page', () => {
    expect(dashboard.uid).toMatch(/^[a-z-]{3,40}$/)
    expect(dashboard.editable).toBe(false)
    expect(dashboard).not.toHaveProperty('__inputs')
    expect(dashboard.refresh).toBe('1m')
  })

  it('lets choose the data source, jobs and instances', () => {
    const [source, job, instance, ...more] = dashboard.templating.list
    expect(more).toEqual([])
    expect(source).toMatchObject({
      name: 'datasource',
      label: 'Data Source',
      type: 'datasource',
      query: 'prometheus',
    })
    const many = { type: 'query', multi: true, includeAll: true, allValue: '.+', refresh: 2 }
    const from = { datasource: { type: 'prometheus', uid: '$datasource' } }
    expect(job).toMatchObject({ name: 'job', label: 'Job', ...many, ...from })
    expect(instance).toMatchObject({ name: 'instance', label: 'Instance', ...many, ...from })
    for (const { query } of [job, instance].flatMap((one) => one ?? [])) {
      expect(query).toMatch(/^label_values\(.+, \w+\)$/)
    }
  })

  it('says of every panel what it is, in units that Grafana knows', () => {
    for (const { title, description, datasource, targets, fieldConfig } of panels) {
      expect(title).toMatch(/\S/)
      expect(description, title).toMatch(/[.:]/)
      expect(datasource.uid, title).toBe('$datasource')
      expect(units, title).toContain(fieldConfig.defaults['unit'])
      expect(targets.length, title).toBeGreaterThan(0)
      for (const target of targets) {
        expect(target.datasource.uid, title).toBe('$datasource')
        expect(target.legendFormat, title).toMatch(/\S/)
      }
    }
  })

  it('gives every panel a name and a place of its own', () => {
    const ids = dashboard.panels.flatMap((one) => [
      one.id,
      ...(one.type === 'row' ? one.panels.map(({ id }) => id) : []),
    ])
    expect(new Set(ids).size).toBe(ids.length)
    const open = dashboard.panels.map(({ gridPos }) => gridPos)
    for (const [index, one] of open.entries()) {
      expect(one.x + one.w).toBeLessThanOrEqual(24)
      for (const other of open.slice(index + 1)) {
        const apart =
          one.x + one.w <= other.x ||
          other.x + other.w <= one.x ||
          one.y + one.h <= other.y ||
          other.y + other.h <= one.y
        expect(apart, JSON.stringify([one, other])).toBe(true)
      }
    }
  })

  it('stacks nothing, and starts its axes at zero', () => {
    for (const { type, title, fieldConfig } of panels) {
      if (type !== 'timeseries') continue
      expect(fieldConfig.defaults, title).toMatchObject({
        min: 0,
        custom: { stacking: { mode: 'none' } },
      })
    }
  })

  it('asks for the chosen jobs and instances in every query', () => {
    for (const expr of expressions) {
      for (const [selector, name] of expr.matchAll(/([a-zA-Z_]\w*)\{[^}]*\}/g)) {
        expect(selector).toContain('job=~"$job"')
        // Alerts are of a job; many of them are of no instance.
        if (name !== 'ALERTS') expect(selector).toContain('instance=~"$instance"')
      }
    }
  })

  it('takes counters as rates or increases, over ranges that fit the scrapes', () => {
    for (const expr of expressions) {
      const counters = expr.matchAll(/(\w*)\(?(\b[a-z_]+_total)\{[^}]*\}(\[[^\]]*\])?/g)
      for (const [all, call = '', , range] of counters) {
        expect(['rate', 'increase'], all).toContain(call)
        // What is counted over the time that is shown has that range, and no other.
        const ranges =
          call === 'rate' ? ['[$__rate_interval]'] : ['[$__rate_interval]', '[$__range]']
        expect(ranges, all).toContain(range)
      }
      for (const [, call, range] of expr.matchAll(/\b(\w+)\([^()]*(\[[^\]]*\])/g)) {
        if (call === 'rate' || call === 'deriv') expect(range, expr).toBe('[$__rate_interval]')
      }
    }
  })
})

describe('the dashboard of the shop', () => {
  const dashboard = shipped().get('shop.json') as Dashboard

  it('links to the processor, and back', () => {
    expect(dashboard.links.map(({ url }) => url)).toEqual(['/d/millrace-processor'])
    expect(
      shipped()
        .get('processor.json')
        ?.links.map(({ url }) => url)
    ).toEqual(['/d/millrace-shop'])
  })

  it('compares every figure with a week ago', () => {
    const figures = panelsOf(dashboard).slice(0, 5)
    for (const { targets } of figures) {
      const [target] = targets
      const selector = /[a-z_]+\{[^}]*\}/.exec(target?.expr ?? '')?.[0] ?? ''
      const compared = expressionsOf(dashboard).filter((e) => e.includes(`${selector} offset 1w`))
      expect(compared.length, selector).toBe(2)
    }
  })

  it('explains panels with the words of their metrics', () => {
    const [visitors] = panelsOf(dashboard)
    expect(visitors?.description).toContain(
      '- `shop_window_unique_sessions`: Sessions of the last closed window'
    )
  })
})

describe('the dashboard of an application', () => {
  it('shows what its topology declares, by the units of the names', () => {
    const panels = panelsOf(foreignDashboard())
    const shown = (name: string) => {
      const panel = panels.find(({ targets }) => targets[0]?.expr.includes(`${name}{`))
      return [panel?.title, panel?.fieldConfig.defaults['unit'], panel?.targets[0]?.expr]
    }
    const chosen = 'job=~"$job", instance=~"$instance"'
    expect(shown('site_clicks')).toEqual([
      'Clicks in 5 minutes',
      'short',
      `max by (job) (site_clicks{${chosen}})`,
    ])
    expect(shown('site_clicks_total')).toEqual([
      'Clicks by page',
      'cps',
      `sum by (job, page) (rate(site_clicks_total{${chosen}}[$__rate_interval]))`,
    ])
    expect(shown('site_window_end_timestamp_seconds')).toEqual([
      'End of the last window',
      's',
      `time() - max by (job) (site_window_end_timestamp_seconds{${chosen}})`,
    ])
  })

  it('has a closed row for each sub-topology', () => {
    const rows = foreignDashboard().panels.filter(({ type }) => type === 'row')
    expect(rows.map(({ title }) => title)).toContain('Sub-topology 0: clicks')
    expect(rows.some((row) => row.type === 'row' && row.collapsed && row.panels.length > 0)).toBe(
      true
    )
  })
})

describe('what is shipped', () => {
  it('shows every metric of the shop and of the engine', () => {
    const texts = [...shipped().values()].flatMap(expressionsOf).join('\n')
    // The seven fixed names say the same as the conventional ones, which are shown.
    const same = ['users_count', 'orders_count', 'conversion', 'aov', 'tov']
    const elsewhere = [...same, 'last_message_time', 'last_window_end']
    const { instruments } = shopMetrics(shopOptions(defaults))
    const own = declarations(instruments).filter(({ labels }) => labels !== null)
    const hidden = own.map(({ name }) => name).filter((name) => !texts.includes(`${name}{`))
    expect(hidden.sort()).toEqual(elsewhere.sort())
  })
})
