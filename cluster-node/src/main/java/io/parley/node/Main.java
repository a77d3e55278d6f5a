package io.parley.node;

import io.parley.node.cli.ParleyCommand;

/** The entry point of the process. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    System.exit(ParleyCommand.commandLine().execute(arguments));
  }
}
