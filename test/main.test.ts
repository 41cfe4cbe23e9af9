/** How the process ends, as its users see it; it runs as built. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

class Program {
  readonly #child: ChildProcess
  #output = ''

  constructor(environment: Readonly<Record<string, string>>) {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-main-'))
    const defaults = { STATE_DIR: directory, HTTP_PORT: '0', DEMO_TRAFFIC: 'off' }
    this.#child = spawn(process.execPath, ['dist/src/main.js'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...defaults, ...environment },
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk))
    onTestFinished(() => {
      this.#child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    })
  }

  lines(): readonly Record<string, unknown>[] {
    const lines = this.#output.split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** Resolves with the line that has this message, and tells of this. */
  async says(message: string, of = 'url'): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.lines().find((line) => line['msg'] === message && line[of] !== undefined)
      if (line !== undefined) return line
      if (this.#child.exitCode !== null) throw new Error(this.#output)
      await once(this.#child.stderr ?? this.#child, 'data')
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async status(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close')
    return this.#child.exitCode
  }
}

describe('the process', () => {
  it('ends with 78 and one line for each fault of its settings', async () => {
    const program = new Program({ CURRENCY: 'XYZ', HTTP_PORT: 'http', IDLE_AFTER: '1 minute' })
    expect(await program.status()).toBe(78)
    const messages = program.lines().map(({ msg }) => String(msg).split(':')[0])
    expect(messages.sort()).toEqual(['CURRENCY', 'HTTP_PORT', 'IDLE_AFTER'])
  })

  it('ends with 78 for a schema that has not the fields it needs', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-schema-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'events.avsc')
    writeFileSync(file, JSON.stringify({ type: 'record', name: 'Event', fields: [] }))
    const avro = { EVENTS_FORMAT: 'avro', EVENTS_SCHEMA_FILE: file }
    const program = new Program({ KAFKA_BROKERS: '127.0.0.1:1', ...avro })
    expect(await program.status()).toBe(78)
    expect(program.lines().at(-1)?.['msg']).toMatch(
      /^EVENTS_SCHEMA_FILE: .*it has no field timestamp, sessionId, eventType.* FIELD_/
    )
  })

  it('ends with 78 where it cannot listen at all', async () => {
    expect(await new Program({ HTTP_HOST: '192.0.2.1' }).status()).toBe(78)
  })

  it('ends with 1 when something is in its way', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const program = new Program({ HTTP_PORT: String((server.address() as AddressInfo).port) })
    expect(await program.status()).toBe(1)
    server.close()
    expect(JSON.stringify(program.lines().at(-1))).toContain('MILLRACE_HTTP_UNBOUND')
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends with 0 on %s, sent twice at once',
    async (signal) => {
      const program = new Program({})
      const { url } = await program.says('Running')
      for (const path of ['/livez', '/', '/assets/page.css']) {
        expect((await fetch(`${url}${path}`)).status, path).toBe(200)
      }
      program.signal(signal)
      program.signal(signal)
      expect(await program.status()).toBe(0)
    }
  )

  it('ends with 0 on a signal while it starts', async () => {
    const program = new Program({})
    await program.says('Starting', 'pid')
    program.signal('SIGTERM')
    expect(await program.status()).toBe(0)
  })

  it('warns when others can reach it without a token, and prints no secret', async () => {
    const open = new Program({ HTTP_HOST: '0.0.0.0' })
    await open.says('Running')
    const warnings = open.lines().filter(({ level }) => level === 'warn')
    expect(warnings.map(({ msg }) => String(msg))).toEqual([expect.stringContaining('API_TOKEN')])
    const closed = new Program({ HTTP_HOST: '0.0.0.0', API_TOKEN: 'open sesame' })
    await closed.says('Running')
    expect(closed.lines().filter(({ level }) => level === 'warn')).toEqual([])
    expect(JSON.stringify(closed.lines())).not.toContain('sesame')
  })
})
