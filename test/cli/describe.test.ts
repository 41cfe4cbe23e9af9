/** `millrace describe`: forms of the answer, and comparing with a state directory. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { command, json } from '../support/command.ts'
import { changed, topology } from './orders.ts'

const orders = 'test/cli/orders.ts'

describe('millrace describe', () => {
  it('shows the topology of a module as text, diagram and JSON', async () => {
    const built = topology()
    expect((await command(['describe', orders])).out.trim()).toBe(built.describe().trim())
    const mermaid = await command(['describe', orders, '--format', 'mermaid'])
    expect(mermaid.out.trim()).toBe(built.toMermaid().trim())
    const plain = JSON.parse(JSON.stringify(built.toJson())) as unknown
    expect(await json(['describe', orders])).toEqual(plain)
  })

  it('gives the function its input, and optimizes as it is told', async () => {
    const args = ['describe', orders, '--input', '{"input":"sales"}']
    expect((await command(args)).out).toContain('topics: [sales]')
    const optimized = await command([...args, '--optimize', 'all'])
    expect(optimized.out.trim()).toBe(
      topology({ input: 'sales' }).optimized('all').describe().trim()
    )
  })

  it('shows the shop metrics without a module, by the settings of the environment', async () => {
    const { status, out } = await command(['describe'], { env: { EVENTS_TOPIC: 'clicks' } })
    expect([status, out]).toEqual([0, expect.stringContaining('topics: [clicks]')])
  })

  it.each([
    ['notAFunction', "exports no function 'notAFunction', but"],
    ['nothing', "'nothing' answers with no topology"],
  ])('refuses an export that builds none: %s', async (name, message) => {
    const { status, err } = await command(['describe', orders, '--export', name])
    expect([status, err]).toEqual([1, expect.stringContaining(message)])
    expect(err).toContain('MILLRACE_TOPOLOGY_MODULE_UNUSABLE')
  })

  it('says whether it can go on with the state that another one has written', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-describe-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
    const args = ['describe', orders, '--compare', '-a', 'shop', '-d', stateDir]
    const before = await command(args)
    expect([before.status, before.err]).toEqual([2, expect.stringContaining('no description')])
    mkdirSync(join(stateDir, 'shop'))
    const keep = (text: string): void => writeFileSync(join(stateDir, 'shop/topology.json'), text)
    keep(JSON.stringify({ format: 1, topology: topology().toJson() }))
    expect(await json(args)).toEqual({ compatible: true, differences: [] })
    expect((await command(args)).out).toContain('can go on with')
    keep(JSON.stringify({ format: 1, topology: changed().toJson() }))
    const after = await command(args)
    expect([after.status, after.out]).toEqual([3, expect.stringContaining('cannot go on with')])
    expect(after.out).toContain("incompatible: store 'by-customer'")
  })
})
