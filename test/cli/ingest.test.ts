/** `millrace ingest` and `millrace demo`, against a running shop and a real broker. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { IngestReport } from '../../src/cli/ingest.ts'
import { readConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/log.ts'
import { ShopApp } from '../../src/shop-app.ts'
import { binary, command, json } from '../support/command.ts'
import { connectTo, createTopic, readAll } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-ingest-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function event(number: number): object {
  return { timestamp: 1_000 + number, sessionId: `s${number}`, eventType: 'view' }
}

describe('millrace ingest', () => {
  it('sends lines and arrays to an application, and says what was no event', async () => {
    const env = { STATE_DIR: join(directory, 'shop'), HTTP_PORT: '0', DEMO_TRAFFIC: 'off' }
    const shop = new ShopApp(readConfig(env), { logger: silentLogger })
    onTestFinished(() => shop.close())
    await shop.start()
    const url = shop.url ?? ''
    const lines = file('lines.ndjson', `${JSON.stringify(event(1))}\n\n[1]\n{"a":\n{"timestamp":2}`)
    const sent = await json<IngestReport>(['ingest', lines, '--url', url], { status: 3 })
    expect(sent).toEqual({
      to: `${url}/api/events`,
      accepted: 2,
      rejected: 2,
      firstRejected: [
        { line: 2, reason: 'decode' },
        { line: 3, reason: 'decode' },
      ],
    })
    const many = Array.from({ length: 4_500 }, (_, index) => event(index))
    const array = file('array.json', ` \n${JSON.stringify(many, null, 1)}`)
    const all = await json<IngestReport>(['ingest', array, '--url', url, '--skip', '500'])
    expect(all).toMatchObject({ accepted: 4_000, rejected: 0 })
    const piped = await command(['ingest', '-', '--url', url], { input: JSON.stringify(event(9)) })
    expect(piped.out).toBe(`1 events sent to ${url}/api/events, 0 rejected.\n`)
  })

  it('writes to the topic where there are brokers, keyed and dated by the events', async () => {
    const brokers = await sharedBroker()
    const cluster = connectTo(brokers)
    onTestFinished(() => cluster.close())
    const topic = await createTopic(cluster)
    const lines = file(
      'topic.ndjson',
      [event(1), { no: 'time' }].map((o) => JSON.stringify(o)).join('\n')
    )
    const args = ['ingest', lines, '-b', brokers.join(), '--topic', topic]
    const fields = ['--key', 'sessionId', '--time', 'timestamp']
    const sent = await json<IngestReport>([...args, ...fields], { status: 3 })
    expect(sent).toMatchObject({
      to: topic,
      accepted: 1,
      firstRejected: [{ line: 2, reason: 'no_timestamp' }],
    })
    const values = (await readAll(cluster, topic, 0)).map(({ value }) => value)
    expect(values).toEqual([JSON.stringify(event(1))])
    const missing = await command(['ingest', lines, '-b', brokers.join(), '--topic', `${topic}-x`])
    expect([missing.status, missing.err]).toEqual([1, expect.stringContaining(`${topic}-x`)])
  })

  it.each([
    [['nowhere.json'], 2, 'there is no file nowhere.json'],
    [['-', '--skip', 'x'], 2, '--skip takes a number of events'],
    [['-', '--key', 'id'], 2, '--key is for brokers'],
    [['-', '--url', 'here'], 2, '--url takes a URL'],
    [['-', '--url', 'http://127.0.0.1:1'], 1, 'MILLRACE_INGEST_UNREACHABLE'],
  ])('says what is wrong with %s', async (args, status, message) => {
    const ended = await command(['ingest', ...args], { input: '{}' })
    expect([ended.status, ended.err]).toEqual([status, expect.stringContaining(message)])
  })
})

describe('millrace demo', () => {
  it('runs the shop on a port that is free, without brokers, until a signal comes', async () => {
    const env = { PATH: process.env['PATH'] ?? '', KAFKA_BROKERS: '127.0.0.1:1' }
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    const child: ChildProcess = spawn(process.execPath, [binary, 'demo', '--port', '0'], {
      env,
      stdio: [...stdio],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let output = ''
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk))
    while (!output.includes('"msg":"Running","url"')) {
      if (child.exitCode !== null) throw new Error(output)
      await once(child.stderr ?? child, 'data')
    }
    const url = /"url":"([^"]+)"/.exec(output)?.[1] ?? ''
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([0, null])
  })
})
