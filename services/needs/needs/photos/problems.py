"""Problems with photos of needs."""

from chassis.problems import problem

consent_photo_needed = problem(
    422, "consent_photo_needed", zh="请先上传本人签字同意书的照片", en="The photo of the signed consent is missing. Add it first."
)
