
# Zənglər.

section-calls = Zənglərin göstəriciləri
section-calls-hours = Zənglər saatlar üzrə
section-calls-waits = Gözləmə
section-calls-parts = Növbələr və operatorlar

column-duration = Müddət
column-queue = Növbə
column-trunk = Xətt
column-operator = Operator
column-hour = Saat
column-wait = Gözləmə
column-figure-answered = Cavablandırılıb
column-figure-gave-up = Gözləməyib
column-figure-handled = Xidmət göstərilib

weekday-1 = B.e.
weekday-2 = Ç.a.
weekday-3 = Çər.
weekday-4 = C.a.
weekday-5 = Cümə
weekday-6 = Şən.
weekday-7 = Baz.

wait-band = { $from }–{ $to } san
wait-over = { $from } san və çox

caption-hours = Növbəyə daxil olan zənglər, həftənin günləri və saatlar üzrə
caption-waits = Zəng edənlər nə qədər gözləyib
caption-queues = Növbələr üzrə
caption-trunks = Rabitə xətləri üzrə
caption-operators = Operatorlar üzrə

figure-offered = Növbəyə daxil olan
figure-answered = Cavablandırılan
figure-handled = Xidmət göstərilən
figure-abandoned = Gözləyərkən dəstəyi asan
figure-short_abandoned = Dərhal dəstəyi asan
figure-asked_back = Geri zəng istəyən
figure-led_on = Mesaja və ya izaha yönəldilən
figure-lost = Nasazlıq səbəbindən kəsilən
figure-waiting = Hazırda gözləyən
figure-abandonment_rate = Gözləməyənlərin payı
figure-answer_rate = Cavablandırılanların payı
figure-service_level = Xidmət səviyyəsi
figure-service_level_strict = Xidmət səviyyəsi, sərt
figure-asa = Cavaba qədər orta gözləmə
figure-longest_wait = Ən uzun gözləmə
figure-talk = Orta danışıq, gözlətmə ilə
figure-aht = Orta xidmət müddəti
figure-wrap_up = Zəngdən sonrakı fasilə, cəmi
figure-occupancy = Operatorların məşğulluğu
figure-callers = Tanınan zəng edənlər
figure-repeat_callers = Təkrar zəng edənlər
figure-repeat_share = Təkrar zəng edənlərin payı
figure-without_identity = Nömrəsi bilinməyən zənglər
figure-concurrency = Eyni anda ən çox zəng
figure-ivr_only = Növbəyə çatmayan
figure-closed = Qeyri-iş saatlarında
figure-nobody_on_shift = İş başında operator olmadıqda
figure-direct = Növbəsiz yönəldilən
figure-callbacks = Geri zənglər
figure-callbacks_reached = Baş tutan geri zənglər
figure-outside = Operatorların çıxan zəngləri

formula-offered = Növbəyə daxil olan: növbəyə qoşulan zənglər. Gözləmə oradan, salamlama səslənərkən başlayır.
formula-handled = Xidmət göstərilən: operatorun zəng edənlə danışdığı zənglər (cavablandırılan, növbəsiz yönəldilən, baş tutan geri zənglər).
formula-abandoned = Gözləyərkən dəstəyi asan: { $short } san və daha çox gözləyib, operatorla danışmadan dəstəyi asanlar.
formula-short_abandoned = Dərhal dəstəyi asan: { $short } saniyədən tez. Hər biri qorxmuş uşaq ola bilər.
formula-abandonment_rate = Gözləməyənlərin payı: gözləməyənlər ÷ (xidmət göstərilən + gözləməyənlər), dərhal dəstəyi asanlar daxil deyil.
formula-answer_rate = Cavablandırılanların payı: cavablandırılan ÷ növbəyə daxil olan, istisnasız.
formula-service_level = Xidmət səviyyəsi { $target }: { $within } san ərzində cavablandırılan ÷ (cavablandırılan + { $within } saniyədən çox gözləyib dəstəyi asan).
formula-service_level_strict = Sərt: { $within } san ərzində cavablandırılan ÷ bütün növbəyə daxil olan.
formula-asa = Orta gözləmə: ilk növbədən operatora qədər, cavablandırılanlar üzrə.
formula-longest_wait = Ən uzun gözləmə: cavablandırılanlar və gözləməyənlər üzrə.
formula-aht = Xidmət müddəti: (danışıq + gözlətmə + zəngdən sonrakı fasilə) ÷ xidmət göstərilən.
formula-occupancy = Məşğulluq: xidmət ÷ (xidmət + hazır olma), fasilələr daxil deyil.
formula-repeat_callers = Təkrar zəng edənlər: bu müddətdə iki və daha çox zəng; nömrəsi bilinməyənlər sayılmır.
formula-concurrency = Eyni anda ən çox zəng: gəlişdən sona qədər ən çox üst-üstə düşmə.
formula-closed = Növbəyə çatmayan, qeyri-iş saatlarında və operator olmadıqda gələn zənglər növbəyə daxil olan sayılmır; ayrıca göstərilir.
