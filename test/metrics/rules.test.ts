/** The rules that are shipped for Prometheus: whether they are right, tested, and explained. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { prometheusPrograms, promtool } from '../support/prometheus.ts'

const directory = fileURLToPath(new URL('../../compose/prometheus', import.meta.url))
const programs = await prometheusPrograms()

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface RuleTest {
  readonly promql_expr_test?: readonly {
    readonly exp_samples: readonly { readonly labels: string }[]
  }[]
  readonly alert_rule_test?: readonly {
    readonly alertname: string
    readonly exp_alerts: readonly unknown[]
  }[]
}

function read(name: string): string {
  return readFileSync(join(directory, name), 'utf8')
}

const { groups } = parse(read('rules/alerts.yml')) as {
  readonly groups: readonly { readonly rules: readonly Alert[] }[]
}
const alerts = groups.flatMap(({ rules }) => rules)
const testFiles = readdirSync(join(directory, 'tests')).map((name) => `tests/${name}`)
const tests = testFiles.flatMap((name) => (parse(read(name)) as { tests: RuleTest[] }).tests)

describe('the alerts', () => {
  it('each say how urgent they are, what happened, and where to read on', () => {
    expect(alerts.length).toBeGreaterThan(0)
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning', 'info'], alert).toContain(labels['severity'])
      expect(annotations['summary'], alert).toMatch(/\S/)
      expect(annotations['description'], alert).toMatch(/[.?]$/)
      expect(annotations['runbook'], alert).toBe(`docs/alerts.md#${alert.toLowerCase()}`)
      expect(annotations['dashboard'], alert).toMatch(/^\/d\/millrace-(shop|processor)$/)
    }
  })

  it('are explained, with their urgency, and nothing else is', () => {
    const page = readFileSync(join(directory, '../../docs/alerts.md'), 'utf8')
    const explained = [...page.matchAll(/^### (\w+)\n\n\*(\w+)\.\*/gm)]
    expect(explained.map(([, name, severity]) => [name, severity])).toEqual(
      alerts.map(({ alert, labels }) => [alert, labels['severity']])
    )
  })

  it('are each seen firing, and not firing', () => {
    const samples = tests.flatMap(({ promql_expr_test = [] }) =>
      promql_expr_test.flatMap(({ exp_samples }) => exp_samples.map(({ labels }) => labels))
    )
    const firing = samples.map((labels) => /^ALERTS\{alertname="(\w+)"/.exec(labels)?.[1])
    const resting = tests.flatMap(({ alert_rule_test = [] }) =>
      alert_rule_test.filter((one) => one.exp_alerts.length === 0).map((one) => one.alertname)
    )
    const names = alerts.map(({ alert }) => alert)
    expect(names.filter((name) => !firing.includes(name))).toEqual([])
    expect(names.filter((name) => !resting.includes(name))).toEqual([])
  })
})

describe.skipIf(programs === undefined)('to promtool', () => {
  it('the configuration and its rules are valid', async () => {
    if (programs === undefined) return
    const { status, output } = await promtool(programs, [
      'check',
      'config',
      '--lint=all',
      '--lint-fatal',
      join(directory, 'prometheus.yml'),
    ])
    expect(status, output).toBe(0)
    expect(output).toContain(`${alerts.length} rules found`)
  })

  it.each(testFiles)('the rules do what %s says', async (name) => {
    if (programs === undefined) return
    const { status, output } = await promtool(programs, ['test', 'rules', join(directory, name)])
    expect(status, output).toBe(0)
  })
})
