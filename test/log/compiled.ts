/** The embedded log as JavaScript in a directory of its own, for child processes of the tests. */
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

/** The caller removes the directory. */
export function compileLogRoom(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-compiled-'))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  const files = [...sources('src'), ...sources('src/log'), 'src/serde/murmur2.ts']
  for (const file of files) {
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
  return readdirSync(join(root, room))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(room, file))
}
