// One task for each plugin, by the name that the test gives it.

const gulp = require("gulp");
const scene = JSON.parse(process.env.TINIFY_SCENE);

const through = (plugin, options) => () =>
  gulp
    .src(`${scene.in}/*.{jpg,png}`, { encoding: false })
    .pipe(require(plugin)(options))
    .pipe(gulp.dest(scene.out, { encoding: false }));

exports["gulp-tinypng-extended"] = through("gulp-tinypng-extended", { key: scene.key, retryAttempts: 1 });
exports["gulp-tinypng-extended keepMetadata"] = through("gulp-tinypng-extended", {
  key: scene.key, keepMetadata: true, retryAttempts: 1,
});
exports["gulp-tinypng-compress"] = through("gulp-tinypng-compress", {
  key: scene.key, sigFile: `${scene.out}/signatures.json`,
});
exports["gulp-tinypng"] = through("gulp-tinypng", scene.key);
exports["gulp-tiny"] = through("gulp-tiny", scene.key);
