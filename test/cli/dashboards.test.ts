/** `millrace dashboards`: what is written, what is compared, and what is refused. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { command, json } from '../support/command.ts'

const orders = 'test/cli/orders.ts'

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-dashboards-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function read(path: string): { uid: string; title: string; panels: { title: string }[] } {
  return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof read>
}

describe('millrace dashboards', () => {
  it('finds those of the shop metrics, as they are shipped, what they should be', async () => {
    const args = ['dashboards', '--out', 'compose/grafana/dashboards', '--check']
    const { status, out } = await command(args)
    expect([status, out]).toEqual([
      0,
      'compose/grafana/dashboards/shop.json: as it would be written\n' +
        'compose/grafana/dashboards/processor.json: as it would be written\n',
    ])
  })

  it('writes those of the shop metrics by the settings of the environment', async () => {
    const out = join(directory(), 'new')
    await command(['dashboards', '--out', out], { env: { CURRENCY: 'USD' } })
    expect(readdirSync(out).sort()).toEqual(['processor.json', 'shop.json'])
    expect(readFileSync(join(out, 'shop.json'), 'utf8')).toContain('"unit": "currencyUSD"')
  })

  it('writes one for the application of a module, and says when it no longer fits', async () => {
    const out = directory()
    const args = ['dashboards', orders, '--out', out]
    expect((await command(args)).out).toMatch(/orders\.json: written\n$/)
    const { uid, title, panels } = read(join(out, 'orders.json'))
    expect([uid, title]).toEqual(['millrace-orders', 'orders'])
    expect(panels.map((panel) => panel.title)).toContain('Sub-topology 0: orders')
    expect((await command(args)).out).toMatch(/orders\.json: as it was\n$/)
    expect((await command([...args, '--check'])).status).toBe(0)
    writeFileSync(join(out, 'orders.json'), '{}\n')
    expect(await json([...args, '--check'], { status: 3 })).toMatchObject({
      files: [{ uid: 'millrace-orders', title: 'orders', same: false }],
    })
    expect((await command([...args, '--check'])).status).toBe(3)
    expect(readFileSync(join(out, 'orders.json'), 'utf8')).toBe('{}\n')
  })

  it.each([
    [['dashboards'], "required option '-o, --out <directory>' not specified"],
    [['dashboards', '-o', 'x', '--name', 'shop'], '--name is for a module'],
    [['dashboards', orders, '-o', 'x', '--name', 'a b'], 'letters, digits and dashes'],
  ])('refuses %s', async (args, message) => {
    const { status, err } = await command(args)
    expect([status, err]).toEqual([2, expect.stringContaining(message)])
  })
})
