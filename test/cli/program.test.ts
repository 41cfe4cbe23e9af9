/** The command line itself: help, versions, misuse, and the statuses it ends with. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { binary, command } from '../support/command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const orders = 'test/cli/orders.ts'

describe('millrace', () => {
  it('prints its help when it is asked for nothing', async () => {
    const { status, out, err } = await command([])
    expect([status, err]).toEqual([0, ''])
    expect(out).toContain('Usage: millrace [options] [command]')
    expect(await command(['--help'])).toEqual({ status, out, err })
    expect(await command(['help'])).toEqual({ status, out, err })
  })

  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      version: string
    }
    expect(await command(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' })
  })

  it.each([
    [['lagg'], "unknown command 'lagg'\n(Did you mean lag?)"],
    [['lag', '--fail-abov', '1'], "unknown option '--fail-abov'\n(Did you mean --fail-above?)"],
    [['lag', '--fail-above', 'x'], "--fail-above takes a whole number of records, not 'x'"],
    [['lag', '--brokers'], "option '-b, --brokers <list>' argument missing"],
    [['help', 'lagg'], "unknown command 'lagg'\n(Did you mean lag?)"],
    [['run'], "missing required argument 'module'"],
    [['run', 'nowhere.js', '-a', 'a'], 'there is no module nowhere.js'],
    [['run', orders, '-a', 'a', '--input', '{'], '--input is no JSON'],
    [['describe', 'a.js', 'b.js'], 'too many arguments'],
    [['describe', '--format', 'png'], 'Allowed choices are text, mermaid, json'],
    [['describe', '--json', '--format', 'text'], 'exclude each other'],
  ])('says what is wrong with %s', async (args, message) => {
    const { status, out, err } = await command(args)
    expect([status, out]).toEqual([2, ''])
    expect(err).toContain(message)
  })

  it('tells all faults of its settings at once, by the names they were given', async () => {
    const env = { STATE_DIR: 'x', KAFKA_SASL_USERNAME: 'ann', COMMIT_INTERVAL: 'soon' }
    const { status, err } = await command(['run', orders, '--brokers', 'localhost'], { env })
    expect(status).toBe(78)
    expect(err.split('\n')).toEqual([
      "error: --brokers: expected host:port, got 'localhost'",
      'error: KAFKA_SASL_MECHANISM: missing: plain, scram-sha-256, scram-sha-512',
      'error: KAFKA_SASL_PASSWORD: missing (or …_FILE)',
      "error: COMMIT_INTERVAL: expected a duration such as 100ms, got 'soon'",
      'error: APPLICATION_ID: missing: say which application it is, or give --application-id',
      '',
    ])
  })

  it('tells errors as JSON where JSON is asked for', async () => {
    const { status, out, err } = await command(['lag', '-d', '/nowhere', '--json'])
    expect([status, out]).toEqual([1, ''])
    expect(JSON.parse(err)).toEqual({
      error: { code: 'MILLRACE_LOG_ABSENT', message: expect.stringContaining('/nowhere') },
    })
  })

  it('tells misuse as JSON, too, in one line', async () => {
    const messages = [
      [['lagg', '--json'], "unknown command 'lagg' (Did you mean lag?)"],
      [['lag', '--brokrs', 'x', '--json'], "unknown option '--brokrs' (Did you mean --brokers?)"],
      [['replay', '--json'], "missing required argument 'topic'"],
    ] as const
    for (const [args, message] of messages) {
      const { status, out, err } = await command(args)
      expect([status, out]).toEqual([2, ''])
      expect(JSON.parse(err)).toEqual({ error: { code: 'MILLRACE_USAGE', message } })
    }
  })

  it('says what the system refuses without a trace of its own code', async () => {
    const place = join(mkdtempSync(join(tmpdir(), 'millrace-file-')), 'file')
    onTestFinished(() => rmSync(join(place, '..'), { recursive: true, force: true }))
    writeFileSync(place, '')
    const refused = await command(['dashboards', '-o', join(place, 'in-a-file')])
    expect(refused).toEqual({
      status: 1,
      out: '',
      err: expect.stringMatching(/^error: ENOTDIR.*\n$/),
    })
    const { err } = await command(['dashboards', '-o', join(place, 'in-a-file'), '--json'])
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'ENOTDIR' } })
  })

  it('tells wrong settings of the demo by the names they were given', async () => {
    const { status, out, err } = await command(['demo', '--port', 'abc'])
    const told = "error: --port: expected a whole number from 0 to 65535, got 'abc'\n"
    expect([status, out, err]).toEqual([78, '', told])
  })

  it('is what package.json says it is', () => {
    const { bin } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      bin: Record<string, string>
    }
    expect(`${root}${bin['millrace']}`).toBe(binary)
    expect(execFileSync(process.execPath, [binary, '--version'], { encoding: 'utf8' })).toMatch(
      /^\d+\.\d+\.\d+/
    )
    const { status, stderr } = spawnSync(process.execPath, [binary, 'lagg'], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([2, expect.stringContaining('Did you mean lag?')])
  })

  it('minds nobody who stops reading', () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pipe-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const line = `"${process.execPath}" "${binary}" describe --format json | head -n 1`
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' })
    expect([status, stdout, stderr]).toEqual([0, '{\n', ''])
  })
})
