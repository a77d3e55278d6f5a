package io.parley.node.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code parley audit}. */
@Command(
    name = "audit",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Checks what is recorded of conversations.",
    subcommands = {AuditReproduceCommand.class})
final class AuditCommand implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }
}
