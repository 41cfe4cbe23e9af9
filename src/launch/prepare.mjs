/**
 * Makes a clone runnable: installs the dependencies, builds the code, each once.
 *
 *     .build/lock              held while anything below is made
 *     .build/<what>-<pid>/     made beside, then renamed into place
 *     node_modules/.stamp      hash of the lock file it was installed from
 *     dist/.stamp              hash of the sources it was built from
 *
 * A process killed anywhere leaves at most a directory under .build, which the next one removes.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const sources = ['src', 'state', 'topologies', 'bench', 'tsconfig.json', 'package-lock.json']

/** Installs if need be; builds too unless told otherwise. */
export async function prepare({ build = true } = {}) {
  checkNode()
  if (installed() && (!build || built())) return
  const waiting = () => say('another process is preparing this clone, waiting for it …')
  await withLock(at('.build/lock'), waiting, async () => {
    sweep()
    if (!installed()) await install()
    if (build && !built()) await compile()
  })
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(at('package.json'), 'utf8')).engines.node.replace('>=', '')
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  console.error(`millrace needs Node ${wanted} or later; this is ${process.versions.node}`)
  process.exit(78)
}

function installed() {
  const lock = at('package-lock.json')
  if (read(at('node_modules/.stamp')) === hashOf([lock])) return true
  const byHand = at('node_modules/.package-lock.json')
  if (existsSync(at('node_modules/.stamp')) || !existsSync(byHand)) return false
  return existsSync(at('node_modules/typescript')) && mtime(byHand) >= mtime(lock)
}

async function install() {
  say('installing dependencies (once) …')
  const beside = at(`.build/install-${process.pid}`)
  mkdirSync(beside, { recursive: true })
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    copyFileSync(at(name), join(beside, name))
  }
  await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], beside)
  writeFileSync(join(beside, 'node_modules/.stamp'), hashOf([at('package-lock.json')]))
  replace(join(beside, 'node_modules'), at('node_modules'))
  rmSync(beside, { recursive: true, force: true })
}

function built() {
  const stamp = read(at('dist/.stamp'))
  return stamp !== undefined && stamp === hashOf(sourceFiles())
}

async function compile() {
  say('building (once) …')
  const stamp = hashOf(sourceFiles())
  const beside = at(`.build/dist-${process.pid}`)
  const tsc = at('node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-p', at('tsconfig.json'), '--outDir', beside], root)
  cpSync(at('src/http/page'), join(beside, 'src/http/page'), { recursive: true })
  for (const name of readdirSync(at('topologies')).filter((one) => one.endsWith('.avsc'))) {
    copyFileSync(at('topologies', name), join(beside, 'topologies', name))
  }
  writeFileSync(join(beside, '.stamp'), stamp)
  replace(beside, at('dist'))
}

/** What was there before moves aside first: a directory cannot be renamed over a full one. */
function replace(from, to) {
  const aside = at(`.build/old-${process.pid}-${Date.now()}`)
  if (existsSync(to)) renameSync(to, aside)
  renameSync(from, to)
  rmSync(aside, { recursive: true, force: true })
}

/** Only called under the lock: whatever else lies here was left by a process that was killed. */
function sweep() {
  for (const name of readdirSync(at('.build'))) {
    if (/^(install|dist|old)-/.test(name))
      rmSync(at('.build', name), { recursive: true, force: true })
  }
}

function npm(args, cwd) {
  const cli = process.env.npm_execpath
  if (cli?.endsWith('.js')) return run(process.execPath, [cli, ...args], cwd)
  return run('npm', args, cwd)
}

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 2, 2] })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}`))
    })
  })
}

function sourceFiles() {
  return sources.flatMap((name) => filesUnder(at(name))).sort()
}

function filesUnder(path) {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path).flatMap((name) => filesUnder(join(path, name)))
}

function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

function mtime(path) {
  return statSync(path).mtimeMs
}

function at(...names) {
  return join(root, ...names)
}

function say(text) {
  process.stderr.write(`millrace: ${text}\n`)
}
