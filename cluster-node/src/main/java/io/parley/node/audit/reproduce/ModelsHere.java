package io.parley.node.audit.reproduce;

import io.parley.routing.protocol.ModelId;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.StoredModel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Finds models by what records name them, and makes sure that their files are those. */
public final class ModelsHere {
  private final ModelStore store;
  private final List<StoredModel> named = new ArrayList<>();

  /**
   * The models of a store, and others.
   *
   * @param specs of models that may not be in the store, such as files
   * @throws ModelStoreException when one of these is not there
   */
  public ModelsHere(ModelStore store, List<String> specs) {
    this.store = store;
    specs.forEach(spec -> named.add(store.resolve(spec)));
  }

  /**
   * The model of this name and version, whose file has been read and has the SHA-256 of its
   * manifest, with which the version begins.
   *
   * @throws ModelStoreException in one line, when there is none
   */
  StoredModel find(ModelId id) {
    StoredModel model =
        named.stream()
            .filter(each -> each.manifest().id().equals(id))
            .findFirst()
            .orElseGet(() -> store.resolve(id.toString()));
    ModelManifest manifest = model.manifest();
    if (model.isEncoder()) {
      throw new ModelStoreException(id + " makes embeddings");
    }
    if (!manifest.isVersionOfItsFile()) {
      throw new ModelStoreException(
          "the version of "
              + id
              + " does not name its file: that one's SHA-256 is "
              + manifest.sha256());
    }
    String sha256 = sha256(model.file());
    if (!sha256.equals(manifest.sha256())) {
      throw new ModelStoreException(
          "the file of %s is another: its SHA-256 is %s, and was %s"
              .formatted(id, sha256, manifest.sha256()));
    }
    return model;
  }

  private static String sha256(Path file) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new ModelStoreException("the file " + file + " cannot be read: " + e.getMessage(), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
