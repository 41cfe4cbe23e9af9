/**
 * `npm run check`: types, lint and format, house rules; the first that fails decides the status.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { prepare, root } from './prepare.mjs'

const steps = [
  ['types', 'typescript/bin/tsc', '-p', 'test/tsconfig.json'],
  ['lint and format', '@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
  [
    'house rules',
    'vitest/vitest.mjs',
    'run',
    '--config',
    'test/vitest.config.ts',
    'test/tidy.test.ts',
  ],
]

await prepare({ build: false })
for (const [name, script, ...args] of steps) {
  const file = join(root, 'node_modules', script)
  const { status } = spawnSync(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`check: ${name} failed`)
    process.exit(status ?? 1)
  }
}
console.log('check: types, lint, format and house rules are fine')
