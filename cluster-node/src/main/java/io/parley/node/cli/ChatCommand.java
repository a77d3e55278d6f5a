package io.parley.node.cli;

import io.parley.node.StartupException;
import io.parley.node.chat.ChatClient;
import io.parley.node.chat.ChatException;
import io.parley.node.chat.SessionBook;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code parley chat}. */
@Command(
    name = "chat",
    mixinStandardHelpOptions = true,
    description = "Talks to a running node. A lost connection is taken up again by itself.")
final class ChatCommand implements Callable<Integer> {
  private static final ChatClient.RetryPolicy RETRIES =
      new ChatClient.RetryPolicy(Duration.ofSeconds(1), 120, Duration.ofSeconds(30));

  @Mixin private ServerOptions server;

  @Option(names = "--model", description = "Model to talk to (default: the first one served).")
  private String model;

  @Option(names = "--session", description = "Session to go on with (default: a new one).")
  private String session;

  @Option(
      names = "--max-tokens",
      description = "Longest answer, in tokens (default: what the model's context holds).")
  private Integer maxTokens;

  @Parameters(
      arity = "0..*",
      paramLabel = "MESSAGE",
      description = "Send just this message, print the answer, and end.")
  private List<String> message = List.of();

  private ChatClient client;
  private SessionBook book;
  private Optional<String> current = Optional.empty();

  @Override
  public Integer call() throws IOException, InterruptedException {
    client = new ChatClient(server.url(), server.apiKey(), Optional.ofNullable(maxTokens), RETRIES);
    book = SessionBook.ofUser();
    current = Optional.ofNullable(session);
    try {
      String served = model == null ? firstModel() : model;
      if (!message.isEmpty()) {
        say(
            served,
            String.join(" ", message),
            new PrintWriter(System.out, true, StandardCharsets.UTF_8));
        return 0;
      }
      converse(served);
      return 0;
    } catch (ChatException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  private String firstModel() throws ChatException, InterruptedException {
    return client.chatModels().stream()
        .findFirst()
        .orElseThrow(() -> new ChatException("the node serves no model yet; try again"));
  }

  private void converse(String served) throws IOException, InterruptedException {
    try (Terminal terminal = TerminalBuilder.builder().dumb(true).build()) {
      LineReader input = LineReaderBuilder.builder().terminal(terminal).build();
      PrintWriter out = terminal.writer();
      out.println("Talking to " + served + ". /help lists the commands; Ctrl-D ends.");
      while (true) {
        String line;
        try {
          line = input.readLine("> ").strip();
        } catch (EndOfFileException e) {
          return;
        } catch (UserInterruptException e) {
          continue;
        }
        if (line.equals("/quit")) {
          return;
        }
        try {
          if (line.startsWith("/")) {
            command(line, out);
          } else if (!line.isEmpty()) {
            say(served, line, out);
          }
        } catch (ChatException e) {
          out.println("! " + e.getMessage());
        }
        out.flush();
      }
    }
  }

  private void command(String line, PrintWriter out)
      throws ChatException, IOException, InterruptedException {
    String[] words = line.split("\\s+");
    switch (words[0]) {
      case "/new" -> {
        current = Optional.empty();
        out.println("A new conversation begins with the next message.");
      }
      case "/sessions" -> sessions(words, out);
      case "/history" -> {
        if (current.isPresent()) {
          client.history(current.get()).forEach(one -> out.println(one.role() + ": " + one.text()));
        } else {
          out.println("No conversation yet.");
        }
      }
      default ->
          out.println(
              """
              /new          begin a new conversation
              /sessions     list your conversations; /sessions N goes on with number N
              /history      print this conversation
              /quit         end (so does Ctrl-D)""");
    }
  }

  private void sessions(String[] words, PrintWriter out) throws IOException {
    List<SessionBook.Entry> entries = book.entries();
    if (words.length > 1 && words[1].matches("\\d{1,3}")) {
      int number = Integer.parseInt(words[1]);
      if (number < 1 || number > entries.size()) {
        out.println("There are " + entries.size() + " conversations.");
        return;
      }
      current = Optional.of(entries.get(number - 1).sessionId());
      out.println("Going on with " + current.get());
      return;
    }
    for (int i = 0; i < entries.size(); i++) {
      SessionBook.Entry entry = entries.get(i);
      String mark = current.equals(Optional.of(entry.sessionId())) ? "*" : " ";
      out.printf("%s%3d  %s  %s%n", mark, i + 1, entry.sessionId(), entry.title());
    }
  }

  private void say(String served, String text, PrintWriter out)
      throws ChatException, IOException, InterruptedException {
    boolean fresh = current.isEmpty();
    ChatClient.Answer answer =
        client.send(
            current,
            served,
            text,
            new ChatClient.Listener() {
              @Override
              public void text(String delta) {
                out.print(delta);
                out.flush();
              }

              @Override
              public void interrupted() {
                System.err.println();
                System.err.println("(connection lost; going on as soon as the node answers)");
              }
            });
    out.println();
    out.flush();
    current = Optional.of(answer.sessionId());
    if (fresh) {
      book.add(answer.sessionId(), text);
    }
  }
}
