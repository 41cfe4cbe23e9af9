/** Rooms as JavaScript in a directory of their own, for child processes of the tests. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Each of `rooms` is a file, or a directory with all below it; of `src` itself only the ground
 * floor comes along. The caller removes the directory.
 */
export function compileRooms(rooms: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-compiled-'))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  for (const file of ['src', ...rooms].flatMap(sources)) {
    const { outputText } = ts.transpileModule(readFileSync(join(root, file), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    const target = join(directory, file.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  return directory
}

function sources(room: string): string[] {
  if (room.endsWith('.ts')) return [room]
  return readdirSync(join(root, room), { recursive: room !== 'src', encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(room, file))
}
