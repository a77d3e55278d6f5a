package io.parley.node.cli;

import com.typesafe.config.ConfigException;
import io.parley.node.StartupException;
import java.util.Locale;
import picocli.CommandLine;

/** Turns every failure of a command into one line and an exit code. */
final class Problems {

  private Problems() {}

  static int report(Exception problem, CommandLine command, CommandLine.ParseResult parsed) {
    System.err.println("parley: " + line(problem));
    return command.getCommandSpec().exitCodeOnExecutionException();
  }

  static int reportUsage(CommandLine.ParameterException problem, String[] arguments) {
    CommandLine command = problem.getCommandLine();
    System.err.println("parley: " + problem.getMessage());
    if (!CommandLine.UnmatchedArgumentException.printSuggestions(problem, System.err)) {
      System.err.printf(
          Locale.ROOT, "Try '%s --help'.%n", command.getCommandSpec().qualifiedName());
    }
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  /** What a person needs of a failure: expected ones say what to do, others name themselves. */
  static String line(Throwable problem) {
    if (problem instanceof StartupException) {
      return problem.getMessage();
    }
    if (problem instanceof ConfigException) {
      return "bad configuration: " + problem.getMessage();
    }
    String message = problem.getMessage();
    return message == null || message.isBlank()
        ? "unexpected " + problem.getClass().getSimpleName()
        : message.lines().findFirst().orElse("");
  }
}
