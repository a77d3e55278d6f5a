package io.parley.workers.model;

import java.nio.file.Path;

/** A model that is ready to be loaded. */
public record StoredModel(ModelManifest manifest, Path file) {}
