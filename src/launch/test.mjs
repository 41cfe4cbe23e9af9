/**
 * `npm test`: prepares the clone, runs every test, and ends with what failed, each line marked
 * `failed |`, and `N passed, N failed, N skipped`.
 * Arguments go to the test runner. With CI=true a skipped test is a failure.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { prepare, root } from './prepare.mjs'

/** So much of the message of each failure is said again at the end. */
const messageLines = 30

await prepare()
const directory = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const report = join(directory, 'report.json')
const status = await run([
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--config',
  'test/vitest.config.ts',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
])
const results = read(report)
const { passed, failed, skipped } = count(results)
rmSync(directory, { recursive: true, force: true })
const skipsFail = process.env.CI === 'true' && skipped > 0
if (skipsFail) console.log('a skipped test is a failure where CI=true')
for (const line of failures(results)) console.log(`failed | ${line}`)
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(status !== 0 || failed > 0 || passed === 0 || skipsFail ? status || 1 : 0)

function run(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
    child.on('exit', (code) => resolve(code ?? 1))
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  })
}

/** What the runner wrote of its run; undefined: it did not come to its end. */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** A file that failed before its first test counts as one failure. */
function count(results) {
  if (results === undefined) return { passed: 0, failed: 1, skipped: 0 }
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.testResults.filter(isBroken).length,
    skipped: results.numPendingTests + results.numTodoTests,
  }
}

function isBroken(file) {
  return file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed')
}

/** Of each failure where it is and the beginning of its message. */
function* failures(results) {
  if (results === undefined) yield 'the runner ended before it could say what it found'
  for (const file of results?.testResults ?? []) {
    const name = relative(root, file.name)
    if (isBroken(file)) yield* [name, ...beginning(file.message)]
    for (const test of file.assertionResults) {
      if (test.status !== 'failed') continue
      yield* [`${name} > ${test.fullName}`, ...test.failureMessages.flatMap(beginning)]
    }
  }
}

function beginning(message) {
  return stripVTControlCharacters(message)
    .split('\n')
    .slice(0, messageLines)
    .map((line) => `  ${line}`)
}
