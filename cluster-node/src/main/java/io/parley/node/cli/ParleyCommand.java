package io.parley.node.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The root of the command line; without a subcommand it prints its help. */
@Command(
    name = "parley",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "Serves language models as durable conversations.",
    subcommands = {
      UpCommand.class,
      NodeCommand.class,
      ClusterCommand.class,
      ChatCommand.class,
      ModelCommand.class,
      KeysCommand.class,
      AuditCommand.class,
      BenchCommand.class,
      ChaosCommand.class
    })
public final class ParleyCommand implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /** The command line, with one line for each problem instead of a stack trace. */
  public static CommandLine commandLine() {
    CommandLine line = new CommandLine(new ParleyCommand());
    line.setExecutionExceptionHandler(Problems::report);
    line.setParameterExceptionHandler(Problems::reportUsage);
    return line;
  }

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }
}
