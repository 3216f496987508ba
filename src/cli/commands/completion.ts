import { Argument, type Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** What can come next behind a command: its sub-commands and options. */
interface Place {
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly string[];
}

/** `waymark completion` */
export function addCompletion(program: Command): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>", "that completes").choices(SHELLS))
    .description('print what has a shell complete commands and options: eval "$(waymark completion bash)"')
    .action((shell: (typeof SHELLS)[number]) => {
      const places = placesOf(program, "");
      process.stdout.write(shell === "fish" ? fishScript(places) : bashScript(places, shell === "zsh"));
    });
}

function placesOf(command: Command, path: string): readonly Place[] {
  const globals = path === "" ? [] : ["--json", "--database-url", "--schema"];
  const options = [...command.options.map(({ long }) => long ?? ""), ...globals, "--help"].filter((it) => it !== "");
  const own = { path, commands: command.commands, options: [...new Set(options)] };
  return [own, ...command.commands.flatMap((sub) => placesOf(sub, `${path} ${sub.name()}`.trim()))];
}

/** Names and options are letters and dashes alone: nothing of them means anything to a shell. */
function bashScript(places: readonly Place[], isZsh: boolean): string {
  const steps = places.flatMap(({ path, commands }) =>
    commands.map((sub) => {
      const next = `${path} ${sub.name()}`.trim();
      return `      "${path}:${sub.name()}") path="${next}" ;;`;
    }),
  );
  const words = places.map(({ path, commands, options }) => {
    return `    "${path}") words="${[...commands.map((sub) => sub.name()), ...options].join(" ")}" ;;`;
  });
  return [
    ...(isZsh ? ["autoload -U +X bashcompinit && bashcompinit"] : []),
    "_waymark() {",
    '  local path="" word words=""',
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    '    case "$path:$word" in',
    ...steps,
    "    esac",
    "  done",
    '  case "$path" in',
    ...words,
    "  esac",
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    "}",
    "complete -o default -F _waymark waymark",
    "",
  ].join("\n");
}

function fishScript(places: readonly Place[]): string {
  return places
    .flatMap(({ path, commands, options }) => {
      const words = path.split(" ").filter((word) => word !== "");
      const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
      const when = path === "" ? "__fish_use_subcommand" : seen;
      return [
        ...commands.map((sub) => `complete -c waymark -n "${when}" -a ${sub.name()} -d ${quoted(sub.description())}`),
        ...options.map((long) => `complete -c waymark -n "${when}" -l ${long.slice(2)}`),
      ];
    })
    .join("\n")
    .concat("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
