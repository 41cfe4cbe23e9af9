/** `millrace run`, as the process that it is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { binary } from '../support/command.ts'

const door = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url))
const module = `
import { json, StreamsBuilder, string, topic } from '${door}'
export function topology() {
  const builder = new StreamsBuilder()
  const serdes = { key: string(), value: string() }
  builder.stream(topic('in', serdes)).to(topic('out', { ...serdes, create: true }))
  return builder.build()
}
export function broken() {
  throw new Error('no such currency')
}
`

class Run {
  readonly #child: ChildProcess
  output = ''

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    name = 'copy.mjs'
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-run-'))
    writeFileSync(join(directory, name), module)
    this.#child = spawn(process.execPath, [binary, 'run', name, ...args], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...env },
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk))
    onTestFinished(() => {
      this.#child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    })
  }

  async says(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(this.output)
      await once(this.#child.stderr ?? this.#child, 'data')
    }
  }

  signal(): void {
    this.#child.kill('SIGTERM')
  }

  async status(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close')
    return this.#child.exitCode
  }
}

describe('millrace run', () => {
  it('runs the topology of a module until a signal comes', async () => {
    const run = new Run(['--application-id', 'copy'])
    await run.says('"msg":"Running"')
    expect(run.output).toContain('"applicationId":"copy"')
    run.signal()
    expect(await run.status()).toBe(0)
    expect(run.output).toContain('"msg":"Stopped"')
  })

  it('answers probes and scrapes where it is given a port', async () => {
    const run = new Run(['--application-id', 'copy', '--http-port', '0'], { API_TOKEN: 'sesame' })
    await run.says('"msg":"Running","url"')
    const url = /"url":"([^"]+)"/.exec(run.output)?.[1] ?? ''
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect((await fetch(`${url}/metrics`)).status).toBe(401)
    const headers = { authorization: 'Bearer sesame' }
    const metrics = await (await fetch(`${url}/metrics`, { headers })).text()
    expect(metrics).toContain('millrace_build_info')
    const status = await (await fetch(`${url}/api/status`, { headers })).json()
    expect(status).toMatchObject({ applicationId: 'copy' })
    expect((await fetch(`${url}/api/conversion`, { headers })).status).toBe(404)
    expect(run.output).not.toContain('sesame')
    run.signal()
    expect(await run.status()).toBe(0)
  })

  it('says what to do where Node does not run TypeScript', async () => {
    const reads = Boolean((process.features as { readonly typescript?: unknown }).typescript)
    const run = new Run(
      ['-a', 'copy'],
      reads ? { NODE_OPTIONS: '--no-experimental-strip-types' } : {},
      'copy.mts'
    )
    expect(await run.status()).toBe(1)
    expect(run.output).toContain('MILLRACE_TOPOLOGY_MODULE_UNUSABLE')
    expect(run.output).toContain(`Node ${process.versions.node} does not run TypeScript`)
    expect(run.output).toContain('use Node 22.18 or later')
  })

  it('ends with 78 where settings are wrong, and with 1 where the module is', async () => {
    const settings = new Run(['--threads', '2', '--application-id', 'copy'])
    expect(await settings.status()).toBe(78)
    expect(settings.output).toContain('error: --threads: more than 1 needs KAFKA_BROKERS')
    const broken = new Run(['--export', 'broken'], { APPLICATION_ID: 'copy' })
    expect(await broken.status()).toBe(1)
    expect(broken.output).toContain('no such currency')
  })
})
