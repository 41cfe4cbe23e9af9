/**
 * `npm test`: prepares the clone, runs every test, and ends with `N passed, N failed, N skipped`.
 * Arguments go to the test runner. With CI=true a skipped test is a failure.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepare, root } from './prepare.mjs'

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
const { passed, failed, skipped } = count(report)
rmSync(directory, { recursive: true, force: true })
const skipsFail = process.env.CI === 'true' && skipped > 0
if (skipsFail) console.log('a skipped test is a failure where CI=true')
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(status !== 0 || failed > 0 || passed === 0 || skipsFail ? status || 1 : 0)

function run(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
    child.on('exit', (code) => resolve(code ?? 1))
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  })
}

/** A file that failed before its first test counts as one failure. */
function count(path) {
  let results
  try {
    results = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const broken = results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed')
  )
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + broken.length,
    skipped: results.numPendingTests + results.numTodoTests,
  }
}
