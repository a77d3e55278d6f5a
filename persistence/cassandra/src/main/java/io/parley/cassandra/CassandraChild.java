package io.parley.cassandra;

import io.parley.cassandra.DataFolderLock.FolderInUseException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Optional;
import org.apache.cassandra.service.CassandraDaemon;

/**
 * Main class of the child process: one Cassandra node in the foreground.
 *
 * <p>The parent talks to it by its life: the child stops when its standard input ends, which also
 * happens when the parent is killed. It answers on standard output, one line for each event, each
 * with the prefix {@link #PREFIX}: {@code ready}, {@code failed <reason>}. A byte on standard input
 * before its end says that the parent stops in order and has the time for an archive of classes.
 */
public final class CassandraChild {
  /** How the lines for the parent begin; anything else on the output is for people. */
  static final String PREFIX = "parley-cassandra: ";

  /** Exit status when another process has the data folder. */
  static final int EXIT_FOLDER_IN_USE = 4;

  /** Exit status of any other failed start. */
  static final int EXIT_FAILED = 1;

  /** A drain that takes longer is given up; the commit log has all that was acknowledged. */
  private static final long DRAIN_MILLIS_MAX = 20_000;

  private static final PrintStream PARENT =
      new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private static volatile boolean ready;

  private CassandraChild() {}

  /** Runs until standard input ends or the process is told to terminate. */
  public static void main(String[] args) {
    ignoreTerminalSignals();
    ChildOptions options;
    try {
      options = ChildOptions.parse(List.of(args));
    } catch (IllegalArgumentException e) {
      throw fail(EXIT_FAILED, e.getMessage());
    }
    CoarseTimers.use(); // before Cassandra starts its threads
    stopWithStandardInput(options.classArchive());
    try {
      Files.createDirectories(options.data());
      DataFolderLock lock = DataFolderLock.take(options.data(), options.lockWaitMillis());
      run(options);
      ready = true;
      PARENT.println(PREFIX + "ready");
      if (!lock.isHeld()) {
        throw new IOException("lost the lock of " + options.data());
      }
    } catch (FolderInUseException e) {
      throw fail(EXIT_FOLDER_IN_USE, e.getMessage());
    } catch (Exception | LinkageError e) {
      throw fail(EXIT_FAILED, reason(e));
    }
  }

  private static void run(ChildOptions options) throws IOException {
    emptyTemporaryFolder(options.data());
    Path yaml = NodeYaml.write(options);
    System.setProperty("cassandra.config", yaml.toUri().toString());
    System.setProperty("cassandra.storagedir", options.data().toString());
    System.setProperty("cassandra.logdir", options.data().resolve("logs").toString());
    System.setProperty("cassandra-foreground", "yes");
    if (options.durability() == ChildOptions.Durability.PROCESS) {
      System.setProperty("cassandra.skip_sync", "true");
    }
    // "managed": a failed start comes back as an exception instead of an exit
    new CassandraDaemon(true).activate();
  }

  /**
   * Ctrl-C and a closed terminal go to the whole process group. The parent decides what they mean:
   * it still has turns to journal while it stops, so the child must outlive it.
   */
  private static void ignoreTerminalSignals() {
    // by reflection: the class is supported but warned about, and warnings are errors here
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object ignore =
          Proxy.newProxyInstance(
              CassandraChild.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> null);
      for (String name : List.of("INT", "HUP")) {
        signal
            .getMethod("handle", signal, handler)
            .invoke(null, signal.getConstructor(String.class).newInstance(name), ignore);
      }
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      System.err.println("cannot ignore terminal signals: " + e);
    }
  }

  private static void stopWithStandardInput(Optional<Path> classArchive) {
    InputStream in = System.in;
    Thread watcher =
        new Thread(
            () -> {
              boolean inOrder = false;
              try {
                while (in.read() >= 0) {
                  inOrder = true;
                }
              } catch (IOException e) {
                // a broken pipe is an end as well
              }
              if (inOrder && ready) {
                classArchive.ifPresent(ClassArchive::write);
              }
              haltIfDrainHangs();
              System.exit(0);
            },
            "parent-watch");
    watcher.setDaemon(true);
    watcher.start();
  }

  private static void haltIfDrainHangs() {
    Thread guard =
        new Thread(
            () -> {
              try {
                Thread.sleep(DRAIN_MILLIS_MAX);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              Runtime.getRuntime().halt(EXIT_FAILED);
            },
            "drain-guard");
    guard.setDaemon(true);
    guard.start();
  }

  /** Native libraries are unpacked there at each start; a killed process leaves them behind. */
  private static void emptyTemporaryFolder(Path data) throws IOException {
    Path tmp = data.resolve("tmp");
    if (Files.isDirectory(tmp)) {
      Files.walkFileTree(
          tmp,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, IOException e)
                throws IOException {
              if (!folder.equals(tmp)) {
                Files.delete(folder);
              }
              return FileVisitResult.CONTINUE;
            }
          });
    }
    Files.createDirectories(tmp);
  }

  /** The innermost message: Cassandra wraps what went wrong several times. */
  private static String reason(Throwable failure) {
    Throwable cause = failure;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    String message = cause.getMessage();
    return message == null ? cause.toString() : message;
  }

  /** Never returns; the type lets the compiler see that. */
  private static IllegalStateException fail(int status, String reason) {
    PARENT.println(PREFIX + "failed " + reason.replaceAll("\\s+", " "));
    PARENT.flush();
    haltIfDrainHangs();
    System.exit(status);
    return new IllegalStateException(reason);
  }
}
